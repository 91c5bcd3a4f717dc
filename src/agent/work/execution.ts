import type { ReadyJob } from "../jobs/files.ts";
import type { Job } from "../jobs/job.ts";
import type { JobLog } from "../jobs/log.ts";
import type { Site } from "./house.ts";
import type { JobPlace } from "./job-place.ts";
import type { JobSteps } from "./job-steps.ts";
import type { JobVariables } from "./job-variables.ts";

/** What a phase works with. */
export interface Execution {
  readonly job: Job;
  readonly site: Site;
  readonly ready: ReadyJob;
  readonly log: JobLog;
  readonly steps: JobSteps;
  readonly variables: Promise<JobVariables>;
  readonly place: JobPlace;
}
