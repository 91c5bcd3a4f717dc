import type { ReadyJob } from "../jobs/files.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { JobLog } from "../jobs/log.ts";
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
}
