import type { JobResult } from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobOutcome } from "../gen/windlass/agent/v1/job_pb.ts";
import type { Report } from "./job-results.ts";

/** A job's result off the wire. An outcome of a newer agent counts as an error: it is not known to be good. */
export function reportOf(result: JobResult): Report {
  const { counts } = result;
  return {
    outcome: outcomeOf(result.outcome),
    exitCode: result.exitCode,
    errorMessage: result.errorMessage,
    logBytes: Number(result.logBytes),
    logSha256: result.logSha256,
    hasChanges: result.hasChanges,
    counts: {
      add: counts?.add ?? 0,
      change: counts?.change ?? 0,
      destroy: counts?.destroy ?? 0,
      import: counts?.import ?? 0,
    },
    planSha256: result.planSha256,
    stateSerial: Number(result.stateSerial),
    resourcesInFlight: [...result.resourcesInFlight],
  };
}

function outcomeOf(outcome: JobOutcome): Report["outcome"] {
  switch (outcome) {
    case JobOutcome.FINISHED:
      return "finished";
    case JobOutcome.CANCELED:
      return "canceled";
    default:
      return "errored";
  }
}
