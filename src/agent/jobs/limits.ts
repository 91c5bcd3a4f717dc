import { JobPhase } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { ClaimKey } from "../contract/claim.ts";
import type { AgentConfig } from "../contract/config.ts";

/** Which jobs an agent takes beyond what it has room for: of which phase, and how many before it leaves. */
export class JobLimits {
  readonly #accepts: AgentConfig["accepts"];
  readonly #maxJobs: number;
  readonly #begun = new Set<ClaimKey>();

  constructor({ accepts, maxJobs = 0 }: Pick<AgentConfig, "accepts" | "maxJobs">) {
    this.#accepts = accepts;
    this.#maxJobs = maxJobs;
  }

  /** Why an offer is not taken; `held` are the claims that the agent has now. */
  whyNot(phase: JobPhase, held: Iterable<ClaimKey>): string | undefined {
    const offered = phase === JobPhase.APPLY ? "apply" : "plan";
    if (this.#accepts !== undefined && this.#accepts !== offered) return `this agent takes no ${offered} jobs`;
    if (this.#maxJobs === 0) return undefined;
    const promised = [...held].filter((key) => !this.#begun.has(key)).length;
    return this.#begun.size + promised < this.#maxJobs ? undefined : this.#full;
  }

  /** A job of the agent has begun; answers why it takes no others from now on. */
  begin(key: ClaimKey): string | undefined {
    this.#begun.add(key);
    return this.#maxJobs > 0 && this.#begun.size >= this.#maxJobs ? this.#full : undefined;
  }

  get #full(): string {
    return this.#maxJobs === 1 ? "it takes one job" : `it takes ${this.#maxJobs} jobs`;
  }
}
