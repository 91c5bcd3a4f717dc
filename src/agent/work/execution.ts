import type { ReadyJob } from "../jobs/files.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { JobLog } from "../jobs/log.ts";
import type { JobHooks } from "./hooks/job-hooks.ts";
import type { JobPlace } from "./job-place.ts";
import type { JobSteps } from "./job-steps.ts";
import type { GivenInputs } from "./job-variables.ts";
import type { JobContext } from "./services.ts";

/** What a phase works with. */
export interface Execution {
  readonly job: AgentJob;
  readonly context: JobContext;
  readonly ready: ReadyJob;
  readonly log: JobLog;
  readonly steps: JobSteps;
  readonly variables: Promise<GivenInputs>;
  readonly place: JobPlace;
  readonly hooks: JobHooks;
  /** What is done once the result is told. */
  readonly afterwards: Afterwards;
}

/** Work that goes on behind the result of a job: it changes nothing of it. */
export class Afterwards {
  #work: () => Promise<void> = async () => {};

  set(work: () => Promise<void>): void {
    this.#work = work;
  }

  /** Rejects only when the agent stops. */
  run(): Promise<void> {
    return this.#work();
  }
}
