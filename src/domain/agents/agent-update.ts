/** Where an agent stands with updating itself, as it said last. */
export type AgentUpdateState = "none" | "downloading" | "ready" | "switching" | "confirmed" | "rolled_back" | "refused";

export interface AgentUpdateStatus {
  readonly state: AgentUpdateState;
  readonly from: string;
  readonly target: string;
  /** Of the enum's words; empty if there is none. */
  readonly reason: string;
  /** For people. */
  readonly detail: string;
  /** Milliseconds since 1970: since when. */
  readonly atMs: number;
}

/** How far versions of a pool's agents go by themselves. */
export type AgentUpdateMode = "off" | "notify" | "patch" | "minor";

/** How the agents of a pool update themselves. */
export interface AgentUpdatePolicy {
  readonly mode: AgentUpdateMode;
  /** Empty is the newest that the mode allows. */
  readonly target: string;
  /** When agents may switch; empty is always. See `update-window.ts`. */
  readonly window: string;
  readonly canary: number;
  readonly maxInFlightPercent: number;
  /** Why people hold it; empty if they do not. */
  readonly hold: string;
  /** Why the server has halted it; empty if it has not. */
  readonly halt: string;
  /** The target before. */
  readonly previousTarget: string;
  /** Failures before it are forgiven: milliseconds since 1970. */
  readonly resumedAtMs: number;
}

export const defaultUpdatePolicy: AgentUpdatePolicy = {
  mode: "off",
  target: "",
  window: "",
  canary: 1,
  maxInFlightPercent: 20,
  hold: "",
  halt: "",
  previousTarget: "",
  resumedAtMs: 0,
};

/** True if it says the same; since when does not count. */
export const isSameUpdate = (a: AgentUpdateStatus | null, b: Omit<AgentUpdateStatus, "atMs">): boolean =>
  a !== null &&
  a.state === b.state &&
  a.from === b.from &&
  a.target === b.target &&
  a.reason === b.reason &&
  a.detail === b.detail;

/** What people change of a policy. */
export type AgentUpdateChange = Omit<AgentUpdatePolicy, "previousTarget" | "resumedAtMs">;

/** The policy after a change: it remembers the target before, and forgives failures where a halt is lifted or the target is another. */
export function changedPolicy(policy: AgentUpdatePolicy, change: AgentUpdateChange, now: Date): AgentUpdatePolicy {
  const isOther = change.target !== policy.target;
  const isLifted = policy.halt !== "" && change.halt === "";
  const halt = isOther ? "" : policy.halt === "" || isLifted ? "" : policy.halt;
  return {
    ...change,
    canary: change.canary === 0 ? defaultUpdatePolicy.canary : change.canary,
    maxInFlightPercent:
      change.maxInFlightPercent === 0 ? defaultUpdatePolicy.maxInFlightPercent : change.maxInFlightPercent,
    halt,
    previousTarget: isOther ? policy.target : policy.previousTarget,
    resumedAtMs: isOther || isLifted ? now.getTime() : policy.resumedAtMs,
  };
}
