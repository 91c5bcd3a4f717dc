import { AgentUpdateReason } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";

/** Why an agent stays what it is. */
export interface UpdateRefusal {
  readonly kind: "refused";
  readonly reason: keyof typeof AgentUpdateReason;
  /** One sentence for people. */
  readonly detail: string;
}

export const refusal = (reason: UpdateRefusal["reason"], detail: string): UpdateRefusal => ({
  kind: "refused",
  reason,
  detail,
});

export const reasonCode = (reason: UpdateRefusal["reason"]): AgentUpdateReason => AgentUpdateReason[reason];
