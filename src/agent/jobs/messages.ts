import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type JobResult,
  JobResultSchema,
  LostResourceHeld,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobOutcome, type JobSpec, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { StoredResult } from "./journal.ts";

/** How far a job is on this agent. */
export type Stage =
  /** After a restart, without a trace of an execution: the control plane says whether it is still wanted. */
  | { readonly kind: "waiting" }
  | { readonly kind: "preparing" }
  /** `engineMissing` says why the job's program cannot be had here; empty if it is here. */
  | { readonly kind: "asking"; readonly engineMissing: string }
  | { readonly kind: "running" }
  | { readonly kind: "reporting"; readonly result: StoredResult }
  | { readonly kind: "over" };

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

const heldWords = {
  absent: LostResourceHeld.ABSENT,
  other: LostResourceHeld.OTHER,
  present: LostResourceHeld.PRESENT,
  unknown: LostResourceHeld.UNKNOWN,
} as const;

function lostMessage({ finishedAt, held, isHidden: hidden, ...lost }: StoredResult["lost"][number]) {
  const finishedMs = Date.parse(finishedAt);
  return {
    ...lost,
    idKey: lost.idKey.slice(0, maxIdKey),
    held: heldWords[held],
    hidden,
    finishTime: Number.isNaN(finishedMs) ? undefined : timestampFromMs(finishedMs),
  };
}

/** Longest name of a hook that a result may tell. */
const maxDenial = 256;
/** Longest name of an attribute that a result may tell. */
const maxIdKey = 256;

const countsMessage = ({ import: imported, move: moved, ...counts }: StoredResult["counts"]) => ({
  ...counts,
  imported,
  moved,
});

/** A result as it is told. */
export function resultMessage(
  { claim, engine }: Pick<JobSpec, "claim" | "engine">,
  result: StoredResult & { readonly isLogLost?: boolean | undefined },
): JobResult {
  return create(JobResultSchema, {
    claim,
    engine,
    outcome: outcomes[result.outcome],
    exitCode: result.exitCode,
    errorMessage: result.errorMessage,
    logBytes: BigInt(result.logBytes),
    logSha256: result.logSha256,
    logLost: result.isLogLost ?? false,
    hasChanges: result.hasChanges,
    counts: countsMessage(result.counts),
    planSha256: result.planSha256,
    stateSerial: BigInt(result.stateSerial),
    stateSha256: result.stateSha256,
    resourcesInFlight: [...result.resourcesInFlight],
    inFlight: result.inFlight.map((resource) => ({ ...resource })),
    lost: result.lost.map(lostMessage),
    lostCount: result.lostCount,
    engineVersion: result.engineVersion,
    applyNotStarted: result.applyNotStarted ?? false,
    policyDenial: result.denial.slice(0, maxDenial),
    hooks: result.hooks.map(({ name, summary, ...hook }) => ({
      ...hook,
      name: name.slice(0, maxDenial),
      summary: Buffer.from(summary),
    })),
  });
}

/** How much of its sentence a result keeps that was refused. */
const bareMessageLength = 500;

/** What of a result no rule can refuse: no lists, and no texts but one that is short. */
export const bareResult = (told: JobResult): JobResult => {
  const { claim, outcome, exitCode, logBytes, logSha256, logLost, hasChanges, planSha256, counts } = told;
  const { stateSerial, stateSha256, applyNotStarted, lostCount, policyDenial } = told;
  return create(JobResultSchema, {
    claim,
    counts,
    outcome,
    exitCode,
    logBytes,
    logSha256,
    logLost,
    hasChanges,
    planSha256,
    stateSerial,
    stateSha256,
    applyNotStarted,
    lostCount,
    policyDenial,
    errorMessage: told.errorMessage.slice(0, bareMessageLength).toWellFormed(),
  });
};
