import { create } from "@bufbuild/protobuf";
import {
  type AgentUpdate,
  AgentUpdateReason,
  AgentUpdateSchema,
  AgentUpdateState,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { reasonCode, type UpdateRefusal } from "./refusal.ts";

/** Where an agent stands. */
export type UpdateStatus =
  | { readonly kind: "none" }
  | { readonly kind: "downloading" | "ready" | "switching"; readonly from: string; readonly target: string }
  | { readonly kind: "confirmed"; readonly target: string }
  | { readonly kind: "rolled_back"; readonly target: string; readonly why: UpdateRefusal }
  | { readonly kind: "refused"; readonly target: string; readonly why: UpdateRefusal };

const states: Readonly<Record<UpdateStatus["kind"], AgentUpdateState>> = {
  none: AgentUpdateState.NONE,
  downloading: AgentUpdateState.DOWNLOADING,
  ready: AgentUpdateState.READY,
  switching: AgentUpdateState.SWITCHING,
  confirmed: AgentUpdateState.CONFIRMED,
  rolled_back: AgentUpdateState.ROLLED_BACK,
  refused: AgentUpdateState.REFUSED,
};

const maxDetail = 512;

/** As the server hears of it. */
export const updateMessage = (status: UpdateStatus): AgentUpdate =>
  create(AgentUpdateSchema, {
    state: states[status.kind],
    fromVersion: "from" in status ? status.from : "",
    targetVersion: "target" in status ? status.target : "",
    reason: "why" in status ? reasonCode(status.why.reason) : AgentUpdateReason.UNSPECIFIED,
    detail: "why" in status ? status.why.detail.slice(0, maxDetail) : "",
  });
