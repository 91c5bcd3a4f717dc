import { durationMs } from "@bufbuild/protobuf/wkt";
import { DesiredState } from "../../gen/windlass/agent/v1/job_pb.ts";
import { type AgentJob, idsOf } from "../jobs/job.ts";
import type { JobContext } from "./services.ts";

/** The time that a phase may take, counted from its grant, over restarts of the agent. */
export interface TimeLimit extends Disposable {
  readonly hasExpired: boolean;
  readonly message: string;
}

/** Cancels a job, as a person would, when its time is over. */
export function limitTime(job: AgentJob, context: JobContext): TimeLimit {
  const limitMs = job.spec.timeout === undefined ? 0 : durationMs(job.spec.timeout);
  const startedAt = Date.parse(job.journal.last("exec")?.at ?? context.clock.now().toISOString());
  const leftMs = Math.max(0, startedAt + limitMs - context.clock.now().getTime());
  const over = new AbortController();
  const state = { hasExpired: false };
  const expire = () => {
    state.hasExpired = true;
    context.log.warn({ ...idsOf(job), limitMs }, "the job has used up its time: it is canceled");
    job.desire(DesiredState.CANCEL);
  };
  if (limitMs > 0) context.clock.sleep(leftMs, AbortSignal.any([over.signal, context.stopping])).then(expire, () => {});
  return {
    get hasExpired() {
      return state.hasExpired;
    },
    message: `canceled after ${Math.round(limitMs / 1000)} s, the time limit of this phase: raise the limit, or make the run smaller`,
    [Symbol.dispose]: () => over.abort(),
  };
}
