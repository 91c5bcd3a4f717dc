import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { JobStatus, type Phase, type Run, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { hasEnded } from "../../words/run-states.ts";

export type StageName = "Queued" | "Plan" | "Confirm" | "Apply queue" | "Apply";

/** A stretch of a run's life, as the stage bar shows it. */
export interface Stage {
  readonly name: StageName;
  readonly status: "ahead" | "now" | "done" | "failed" | "skipped";
  readonly from: Timestamp | undefined;
  /** Absent while it lasts. */
  readonly to: Timestamp | undefined;
}

const failedStatuses: ReadonlySet<JobStatus> = new Set([JobStatus.ERRORED, JobStatus.INTERRUPTED, JobStatus.CANCELED]);

/** A job as a stage: from its start to its end. */
function phaseStage(name: StageName, phase: Phase | undefined, isOver: boolean): Stage {
  const from = phase?.startTime;
  const to = phase?.endTime;
  if (phase === undefined || from === undefined)
    return { name, status: isOver ? "skipped" : "ahead", from: undefined, to: undefined };
  if (failedStatuses.has(phase.status)) return { name, status: "failed", from, to };
  return { name, status: to === undefined && !isOver ? "now" : "done", from, to };
}

function stretch(name: StageName, from: Timestamp | undefined, to: Timestamp | undefined, isOver: boolean): Stage {
  if (from === undefined) return { name, status: isOver ? "skipped" : "ahead", from, to };
  return { name, status: to === undefined ? "now" : "done", from, to };
}

/** Queued → plan → confirm → apply, each with its times. */
export function stagesOf(run: Run): readonly Stage[] {
  const { plan, apply, createTime, decideTime, endTime } = run;
  const isOver = hasEnded(run);
  const queue = stretch("Queued", createTime, plan?.startTime ?? (isOver ? endTime : undefined), isOver);
  if (run.options?.planOnly === true) return [queue, phaseStage("Plan", plan, isOver)];
  const isPlanned = run.state === RunState.PLANNED;
  const decidedAt = decideTime ?? apply?.queueTime;
  const confirms = decidedAt !== undefined || isPlanned;
  const confirm = stretch("Confirm", confirms ? plan?.endTime : undefined, decidedAt, isOver);
  const applyQueue = stretch(
    "Apply queue",
    apply?.queueTime,
    apply?.startTime ?? (isOver ? endTime : undefined),
    isOver,
  );
  return [
    queue,
    phaseStage("Plan", plan, isOver || isPlanned),
    run.state === RunState.DISCARDED ? { ...confirm, status: "failed" } : confirm,
    applyQueue,
    phaseStage("Apply", apply, isOver),
  ];
}
