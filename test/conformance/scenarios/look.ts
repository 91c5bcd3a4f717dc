import { type JobClaim, JobOutcome } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { demand } from "../demand.ts";
import type { OfferedJob } from "../offered-job.ts";
import type { Stage } from "../stage.ts";

/** Fails unless the log has each line of terraform once, in its order. */
export function demandLines(job: OfferedJob, count: number): void {
  const found = [...job.logText.matchAll(new RegExp(`${job.id} line (\\d+) `, "g"))].map((match) => Number(match[1]));
  const isWhole = found.length === count && found.every((line, index) => line === index + 1);
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter((line) => !found.includes(line));
  const what =
    missing.length > 0 ? `line ${missing[0]} and ${missing.length - 1} others are missing` : "lines come twice";
  demand(isWhole, `of ${count} lines the log has ${found.length}: ${what}`);
}

export const names = (held: readonly { readonly claim?: JobClaim | undefined }[], job: OfferedJob): boolean =>
  held.some(({ claim }) => claim?.jobId === job.id && claim.epoch === job.claim.epoch);

/** Resolves when heartbeats say that the agent has forgotten the job. */
export async function forgotten(stage: Stage, job: OfferedJob): Promise<void> {
  await stage.until("a heartbeat that no longer names the job", () => {
    const last = stage.plane.record.heard("heartbeat").at(-1);
    return last !== undefined && !names(last.value.jobs, job) && last.order > (lastWord(stage, job) ?? 0);
  });
}

/** When the agent spoke of the job for the last time, beside heartbeats. */
function lastWord(stage: Stage, job: OfferedJob): number | undefined {
  const { record } = stage.plane;
  const said = [...record.heard("startRequest"), ...record.heard("jobResult"), ...record.heard("offerDecline")];
  return said.filter(({ value }) => names([value], job)).at(-1)?.order;
}

/** Results of a job that have come. */
export const resultsOf = (stage: Stage, job: OfferedJob) =>
  stage.plane.record.heard("jobResult").filter(({ value }) => names([value], job));

export const startsOf = (stage: Stage, job: OfferedJob) =>
  stage.plane.record.heard("startRequest").filter(({ value }) => names([value], job));

export const declinesOf = (stage: Stage, job: OfferedJob) =>
  stage.plane.record.heard("offerDecline").filter(({ value }) => names([value], job));

/** The last call of a method for a job. */
export const callOf = (stage: Stage, job: OfferedJob, method: string) =>
  stage.plane.record.calls.filter((call) => call.method === method && call.jobId === job.id).at(-1);

/** What the proto calls it, without its prefix. */
export const outcomeName = (outcome: JobOutcome): string =>
  Object.entries(JobOutcome).find(([, value]) => value === outcome)?.[0] ?? `unknown (${outcome})`;

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
