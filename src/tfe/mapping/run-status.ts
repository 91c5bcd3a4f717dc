import type { Job } from "../../domain/runs/job.ts";
import type { StatusFilter } from "../../domain/runs/listed-run.ts";
import { isFinal, isSavedPlan, type Run, type RunSource, type RunStatus } from "../../domain/runs/run.ts";
import { entriesOf, keysOf } from "../../lib/values/records.ts";

/** Those of the TFE API's statuses that runs of ours come into. */
export type TfeRunStatus = RunStatus | "planned_and_saved";

interface StatusFacts {
  readonly word: TfeRunStatus;
  /** The time in `status-timestamps` that tells when a run came into it. */
  readonly stamp: string;
}

const statuses: Readonly<Record<RunStatus, StatusFacts>> = {
  pending: { word: "pending", stamp: "plan-queueable-at" },
  plan_queued: { word: "plan_queued", stamp: "plan-queued-at" },
  planning: { word: "planning", stamp: "planning-at" },
  planned: { word: "planned", stamp: "planned-at" },
  planned_and_finished: { word: "planned_and_finished", stamp: "planned-and-finished-at" },
  apply_queued: { word: "apply_queued", stamp: "apply-queued-at" },
  applying: { word: "applying", stamp: "applying-at" },
  applied: { word: "applied", stamp: "applied-at" },
  discarded: { word: "discarded", stamp: "discarded-at" },
  errored: { word: "errored", stamp: "errored-at" },
  canceled: { word: "canceled", stamp: "canceled-at" },
  force_canceled: { word: "force_canceled", stamp: "force-canceled-at" },
};

/** A run's status as clients know it: a saved plan that waits for a person has one of its own. */
export const toStatus = (run: Pick<Run, "status" | "options">): TfeRunStatus =>
  run.status === "planned" && isSavedPlan(run) ? "planned_and_saved" : statuses[run.status].word;

/** The name of the time at which a run came into a status. */
export const toStamp = (status: RunStatus, run: Pick<Run, "options">): string =>
  status === "planned" && isSavedPlan(run) ? "planned-and-saved-at" : statuses[status].stamp;

/** What a status of a filter is here; nothing for one that no run of ours comes into. */
export function fromStatus(word: string): readonly StatusFilter[] {
  if (word === "planned") return [{ status: "planned", isSavedPlan: false }];
  if (word === "planned_and_saved") return [{ status: "planned", isSavedPlan: true }];
  if (word === "confirmed") return [{ status: "apply_queued", isSavedPlan: null }];
  return entriesOf(statuses).flatMap(([status, facts]) => (facts.word === word ? [{ status, isSavedPlan: null }] : []));
}

const either = (status: RunStatus): StatusFilter => ({ status, isSavedPlan: null });

/** What a group of statuses is here; nothing for one that is not known. */
export function fromStatusGroup(word: string): readonly StatusFilter[] {
  const all = keysOf(statuses);
  switch (word) {
    case "final":
      return all.filter(isFinal).map(either);
    case "non_final":
      return all.filter((status) => !isFinal(status)).map(either);
    case "discardable":
      return [either("planned")];
    default:
      return [];
  }
}

const sources: Readonly<Record<RunSource, string>> = {
  api: "tfe-api",
  cli: "tfe-api",
  browser: "tfe-ui",
  "tfe-api": "tfe-api",
  terraform: "terraform+cloud",
};

export const toSource = (source: RunSource): string => sources[source];

/** The sources that a filter's word means. */
export const fromSource = (word: string): readonly RunSource[] =>
  keysOf(sources).filter((source) => sources[source] === word);

/** Statuses of plans and applies. */
export type TfePhaseStatus = "pending" | "queued" | "running" | "finished" | "errored" | "canceled" | "unreachable";

const phaseStatuses: Readonly<Record<Job["status"], TfePhaseStatus>> = {
  queued: "queued",
  offered: "queued",
  started: "running",
  finished: "finished",
  errored: "errored",
  canceled: "canceled",
  interrupted: "errored",
};

/** A plan's or an apply's status; one without a job that never will have one is unreachable. */
export const toPhaseStatus = (run: Pick<Run, "status">, job: Job | null): TfePhaseStatus =>
  job === null ? (isFinal(run.status) ? "unreachable" : "pending") : phaseStatuses[job.status];
