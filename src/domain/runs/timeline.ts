import { appliedWords, plannedWords } from "../../lib/words/change-words.ts";
import type { RunId } from "../../lib/words/ids.ts";
import type { Urgency } from "./job.ts";
import { isSavedPlan, plansAside, type Run, type RunEvent, type RunStatus } from "./run.ts";

/** Something that happened to a run, or that somebody said about it. Append-only. */
export interface TimelineEvent {
  readonly runId: RunId;
  /** The run's version that it belongs to: each is higher than the one before. */
  readonly position: number;
  readonly at: Date;
  /** Who did or said it; empty: the control plane. */
  readonly actor: string;
  /** What the run came into; null if it stayed. */
  readonly status: RunStatus | null;
  /** A few words for people. */
  readonly title: string;
  /** What was said, or why; empty if nothing. */
  readonly comment: string;
}

/** An event of a run without what was said. */
export type EventMark = Omit<TimelineEvent, "comment"> & { readonly isComment: boolean };

/** What is told of something, without its place in the timeline. */
export type TimelineEntry = Pick<TimelineEvent, "actor" | "title" | "comment">;

/** How a move of a run is told. `agentName` is the agent of its job, empty if there is none. */
export function tellMove(after: Run, event: RunEvent, agentName: string): TimelineEntry {
  const by = (actor: string, title: string, comment = ""): TimelineEntry => ({ actor, title, comment });
  const on = agentName === "" ? "" : ` on ${agentName}`;
  switch (event.kind) {
    case "workspace_acquired":
      return by("", plansAside(after) ? "queued for an agent" : "got the workspace, queued for an agent");
    case "job_started":
      return by(agentName, `${event.phase === "plan" ? "planning" : "applying"}${on}`);
    case "job_requeued":
      return by("", `agent ${agentName || "unknown"} was lost: the plan is tried again`);
    case "plan_finished":
      return by(
        agentName,
        `planned: ${event.hasChanges ? plannedWords(event.counts, countedRun(after)) : "no changes"}${thenText(after)}`,
      );
    case "confirmed":
      return by(event.by, "confirmed", event.comment);
    case "discarded":
      return by(event.by, "discarded", event.comment);
    case "plan_outdated":
      return by("", "discarded: the saved plan is out of date", event.message);
    case "apply_finished":
      return by(agentName, `applied: ${appliedWords(after.appliedChanges ?? event.counts, countedRun(after))}`);
    case "job_errored":
      return by(agentName, `the ${event.phase} failed`, event.message);
    case "apply_not_started": {
      const then = after.status === "planned" ? "; the plan waits to be confirmed again" : "";
      return by(agentName, `the apply did not start: nothing was changed${then}`, event.message);
    }
    case "apply_interrupted":
      return by("", "the apply was interrupted: its agent was lost", event.message);
    case "cancel_requested":
      return by(event.by, event.mode === "force" ? "asked to end it by force" : "asked to end it", event.comment);
    case "queue_expired":
      return by("", "waited too long", event.message);
    case "job_canceled":
      return by(
        agentName,
        event.isForced ? `the ${event.phase} was ended by force` : `the ${event.phase} was canceled`,
      );
  }
}

const countedRun = ({ options, engine }: Run) => ({ isRefreshOnly: options.isRefreshOnly, engine });

const thenText = (run: Run): string => {
  const { status } = run;
  if (status === "planned" && isSavedPlan(run)) return "; the plan is saved, and lets others have the workspace";
  if (status === "apply_queued") return "; it is applied without being asked about";
  return status === "canceled" ? "; it was asked to end" : "";
};

/** How the creation of a run is told. */
export const tellCreation = (run: Run): TimelineEntry => ({
  actor: run.createdBy,
  title: run.retryOf === null ? "created" : `created to repeat ${run.retryOf}`,
  comment: run.message,
});

const urgencyNames: Record<Urgency, string> = { 0: "high", 1: "normal", 2: "low" };

/** How a new priority is told. */
export const tellUrgency = (actor: string, urgency: Urgency): TimelineEntry => ({
  actor,
  title: `gave it the priority ${urgencyNames[urgency]}`,
  comment: "",
});
