import { hasGeneratedConfiguration } from "../../control/jobs/plan-documents.ts";
import type { RunView } from "../../control/runs/view.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { ChangeCounts } from "../../domain/runs/run.ts";
import type { Resource } from "../core/answers.ts";
import { toPartId, toTfeId, toTime } from "../core/ids.ts";
import { toPhaseStatus } from "./run-status.ts";

/** The plan of a run, as clients know it. */
export const toPlanResource = (view: RunView, logUrl: string): Resource => ({
  type: "plans",
  id: toPartId("plan", view.run.id),
  attributes: {
    "has-changes": view.run.hasChanges,
    "generated-configuration": hasGeneratedConfiguration(view.run),
    "log-read-url": logUrl,
    ...countsOf(view.run.plannedChanges),
    status: toPhaseStatus(view.run, view.plan),
    "status-timestamps": timestampsOf(view.plan),
    "execution-details": detailsOf(view.plan),
  },
  relationships: { run: { data: { type: "runs", id: toTfeId(view.run.id) } } },
  links: {
    self: `/api/v2/plans/${toPartId("plan", view.run.id)}`,
    "json-output": `/api/v2/plans/${toPartId("plan", view.run.id)}/json-output`,
  },
});

/** The apply of a run, as clients know it. */
export const toApplyResource = (view: RunView, logUrl: string): Resource => ({
  type: "applies",
  id: toPartId("apply", view.run.id),
  attributes: {
    "log-read-url": logUrl,
    ...countsOf(view.run.appliedChanges),
    status: toPhaseStatus(view.run, view.apply),
    "status-timestamps": timestampsOf(view.apply),
    "execution-details": detailsOf(view.apply),
  },
  relationships: { run: { data: { type: "runs", id: toTfeId(view.run.id) } } },
  links: { self: `/api/v2/applies/${toPartId("apply", view.run.id)}` },
});

/** Null before they are known. */
const countsOf = (counts: ChangeCounts | null) => ({
  "resource-additions": counts?.add ?? null,
  "resource-changes": counts?.change ?? null,
  "resource-destructions": counts?.destroy ?? null,
  "resource-imports": counts?.import ?? null,
});

const detailsOf = (job: Job | null) =>
  job === null || job.agentName === null
    ? null
    : { mode: job.poolId === null ? "remote" : "agent", "agent-name": job.agentName };

function timestampsOf(job: Job | null): Readonly<Record<string, string | null>> {
  if (job === null) return {};
  const { queuedAt, startedAt, endedAt, status, desired } = job;
  const ended = endedStamp(status, desired);
  return {
    "queued-at": toTime(queuedAt),
    ...(startedAt === null ? {} : { "started-at": toTime(startedAt) }),
    ...(ended === undefined || endedAt === null ? {} : { [ended]: toTime(endedAt) }),
  };
}

function endedStamp(status: Job["status"], desired: Job["desired"]): string | undefined {
  switch (status) {
    case "finished":
      return "finished-at";
    case "canceled":
      return desired === "force" ? "force-canceled-at" : "canceled-at";
    case "errored":
    case "interrupted":
      return "errored-at";
    default:
      return undefined;
  }
}
