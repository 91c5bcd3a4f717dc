import { type Run, RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { lookUp } from "../../lib/values/records.ts";

const { CONFIRMED: _neverSent, ...others } = RunState;
/** The states that a server sends. */
export const sentStates = others;

type KnownState = (typeof sentStates)[keyof typeof sentStates];
type KnownReason = (typeof WaitingReason)[keyof typeof WaitingReason];

/** What a state of a run means to somebody who follows it. */
interface StateFacts {
  /** `waits` for something, `works` on an agent, or has ended `well` or `badly`. */
  readonly kind: "waits" | "works" | "well" | "badly";
  readonly text: string;
  /** True once the plan has ended. */
  readonly isPlanOver: boolean;
}

const facts: Readonly<Record<KnownState, StateFacts>> = {
  [RunState.UNSPECIFIED]: { kind: "waits", text: "in a state this program does not know", isPlanOver: false },
  [RunState.PENDING]: { kind: "waits", text: "pending", isPlanOver: false },
  [RunState.PLAN_QUEUED]: { kind: "waits", text: "plan queued", isPlanOver: false },
  [RunState.PLANNING]: { kind: "works", text: "planning", isPlanOver: false },
  [RunState.PLANNED]: { kind: "waits", text: "planned", isPlanOver: true },
  [RunState.PLANNED_AND_FINISHED]: { kind: "well", text: "planned and finished", isPlanOver: true },
  [RunState.APPLY_QUEUED]: { kind: "waits", text: "apply queued", isPlanOver: true },
  [RunState.APPLYING]: { kind: "works", text: "applying", isPlanOver: true },
  [RunState.APPLIED]: { kind: "well", text: "applied", isPlanOver: true },
  [RunState.DISCARDED]: { kind: "badly", text: "discarded", isPlanOver: true },
  [RunState.ERRORED]: { kind: "badly", text: "errored", isPlanOver: true },
  [RunState.CANCELED]: { kind: "badly", text: "canceled", isPlanOver: true },
  [RunState.FORCE_CANCELED]: { kind: "badly", text: "force-canceled", isPlanOver: true },
};

/** What a state means; one of a newer server is taken for waiting. */
export const factsOf = (state: RunState): StateFacts => lookUp(facts, state) ?? facts[RunState.UNSPECIFIED];

/** True if the run will never change again. */
export const isFinal = (state: RunState): boolean => ["well", "badly"].includes(factsOf(state).kind);

/** True for a run that has ended and still holds its workspace: only `run resolve` goes on. */
export const isUnresolved = ({ waiting }: Pick<Run, "waiting">): boolean =>
  waiting?.reason === WaitingReason.RESOLUTION;

/** Every state in which a run is not over. */
export const openStates: readonly KnownState[] = Object.values(sentStates).filter(
  (state) => state !== RunState.UNSPECIFIED && !isFinal(state),
);

/** What a run waits for, when the server gives no detail. */
export const waitingTexts: Readonly<Record<KnownReason, string>> = {
  [WaitingReason.UNSPECIFIED]: "waits",
  [WaitingReason.CONFIRMATION]: "waits for confirmation",
  [WaitingReason.WORKSPACE_LOCKED]: "the workspace is locked",
  [WaitingReason.EARLIER_RUN]: "an earlier run holds the workspace",
  [WaitingReason.NO_POOL]: "the workspace has no pool",
  [WaitingReason.POOL_NOT_GRANTED]: "the pool does not grant the workspace",
  [WaitingReason.NO_AGENT_ONLINE]: "no agent is online",
  [WaitingReason.AGENTS_BUSY]: "every agent is busy",
  [WaitingReason.AGENTS_PAUSED]: "every free agent is paused or draining",
  [WaitingReason.AGENTS_DECLINED]: "the free agents take no job for now",
  [WaitingReason.AGENT_UNREACHABLE]: "its agent is silent",
  [WaitingReason.TERRAFORM_STOPPING]: "its program is to stop",
  [WaitingReason.AGENT_PREPARING]: "an agent prepares it",
  [WaitingReason.AGENT_DELIVERING]: "its agent delivers what came of it",
  [WaitingReason.NO_MATCHING_AGENT]: "no agent matches the workspace's selector",
  [WaitingReason.NO_AGENT_WITH_ENGINE]: "no agent has the terraform or tofu that it asks for",
  [WaitingReason.NO_AGENT_WITH_OPTION]: "every agent is too old for an option of it",
  [WaitingReason.WAY_BLOCKED]: "something stands between its agent and the server",
  [WaitingReason.RESOLUTION]: "waits for somebody to resolve it",
};

/** The text for a reason; one of a newer server is told as waiting. */
export const waitingTextOf = (reason: WaitingReason): string =>
  lookUp(waitingTexts, reason) ?? waitingTexts[WaitingReason.UNSPECIFIED];
