import type { Stage } from "./stage.ts";

/** A play in which an agent keeps or breaks a rule of the contract. */
export interface Scenario {
  /** The rule's name in docs/agent-protocol.md; after a slash, which of its sides is tried. */
  readonly name: string;
  /** An agent that breaks a `must` does not conform. */
  readonly level: "must" | "should";
  /** What is demanded, in one sentence. */
  readonly demands: string;
  readonly isTls?: boolean;
  /** Resolves with what was seen; throws `Broken` when the rule is broken. */
  readonly play: (stage: Stage) => Promise<string>;
}
