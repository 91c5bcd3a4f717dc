import { create } from "@bufbuild/protobuf";
import { type JobResult, JobResultSchema } from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { type JobClaim, JobOutcome, JobStage } from "../gen/windlass/agent/v1/job_pb.ts";
import type { Stage } from "./job.ts";
import type { StoredResult } from "./journal.ts";

/** How far a job is, as it is told. */
export function stageOf(stage: Stage): JobStage {
  switch (stage.kind) {
    case "waiting":
    case "preparing":
      return JobStage.PREPARING;
    case "asking":
      return JobStage.PREPARED;
    case "running":
      return JobStage.RUNNING;
    case "reporting":
    case "over":
      return JobStage.REPORTING;
  }
}

const outcomes = {
  finished: JobOutcome.FINISHED,
  errored: JobOutcome.ERRORED,
  canceled: JobOutcome.CANCELED,
} as const;

/** A result as it is told. */
export function resultMessage(claim: JobClaim, result: StoredResult): JobResult {
  return create(JobResultSchema, {
    claim,
    outcome: outcomes[result.outcome],
    exitCode: result.exitCode,
    errorMessage: result.errorMessage,
    logBytes: BigInt(result.logBytes),
    logSha256: result.logSha256,
    hasChanges: result.hasChanges,
    counts: result.counts,
    planSha256: result.planSha256,
    stateSerial: BigInt(result.stateSerial),
    resourcesInFlight: [...result.resourcesInFlight],
    engineVersion: result.engineVersion,
  });
}
