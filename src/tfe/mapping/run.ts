import { keyOfActor } from "../../control/core/audit.ts";
import { forceAvailableAt } from "../../control/runs/decisions.ts";
import type { ToldRun } from "../../control/runs/told-runs.ts";
import type { RunView } from "../../control/runs/view.ts";
import { allows, type Person } from "../../domain/people/principal.ts";
import { isFinal, type Run } from "../../domain/runs/run.ts";
import type { EventMark } from "../../domain/runs/timeline.ts";
import type { Relationship, Resource } from "../core/answers.ts";
import { toPartId, toTfeId, toTime } from "../core/ids.ts";
import { toCommentId, toEventId } from "./run-event.ts";
import { toSource, toStamp, toStatus } from "./run-status.ts";

/** A run as clients know it. It never speaks of costs or policies: clients would wait for them. */
export function toRunResource(told: ToldRun, who: Person, now: Date): Resource {
  const { view, marks } = told;
  const { run } = view;
  const { options } = run;
  return {
    type: "runs",
    id: toTfeId(run.id),
    attributes: {
      actions: actionsOf(view, now),
      permissions: permissionsOf(run, who),
      "allow-config-generation": options.generatesConfiguration ?? false,
      "allow-empty-apply": options.allowsEmptyApply,
      "auto-apply": options.isAutoApply,
      "canceled-at": toTime(run.cancelRequestedAt ?? stampedAt(marks, "canceled")),
      "created-at": toTime(run.createdAt),
      "debugging-mode": options.isDebug ?? false,
      "force-cancel-available-at": toTime(forceAvailableAt(run, view.apply === null ? "plan" : "apply")),
      "has-changes": run.hasChanges,
      "is-destroy": options.isDestroy,
      message: run.message,
      "plan-only": options.isPlanOnly,
      "position-in-queue": view.waiting?.queuePosition ?? 0,
      refresh: !options.skipsRefresh,
      "refresh-only": options.isRefreshOnly,
      "replace-addrs": listOf(options.replacements),
      "save-plan": options.isSavedPlan ?? false,
      source: toSource(run.source),
      status: toStatus(run),
      "status-timestamps": timestampsOf(run, marks),
      "target-addrs": listOf(options.targets),
      "terraform-version": run.engine === null ? options.engineVersion : run.engineVersion,
      "trigger-reason": "manual",
      variables: listOf(options.variables.map(({ key, value }) => ({ key, value }))),
      // Of ours: what people read here is not lost on the way.
      "error-message": run.errorMessage,
      "waiting-for": view.waiting?.detail ?? "",
    },
    relationships: relationshipsOf(told),
    links: { self: `/api/v2/runs/${toTfeId(run.id)}` },
  };
}

/** Clients take an empty list for one that was said. */
const listOf = <T>(values: readonly T[]): readonly T[] | null => (values.length === 0 ? null : values);

function relationshipsOf({ view: { run }, marks }: ToldRun): Readonly<Record<string, Relationship>> {
  const self = `/api/v2/runs/${toTfeId(run.id)}`;
  const part = (type: string, prefix: string): Relationship => ({
    data: { type, id: toPartId(prefix, run.id) },
    links: { related: `/api/v2/${type}/${toPartId(prefix, run.id)}` },
  });
  return {
    workspace: { data: { type: "workspaces", id: toTfeId(run.workspaceId) } },
    "configuration-version": { data: { type: "configuration-versions", id: toTfeId(run.configurationId) } },
    plan: part("plans", "plan"),
    apply: part("applies", "apply"),
    "created-by": userOf(run.createdBy),
    "confirmed-by": userOf(confirmedBy(marks)),
    "run-events": {
      data: marks.map((mark) => ({ type: "run-events", id: toEventId(mark) })),
      links: { related: `${self}/run-events` },
    },
    comments: {
      data: marks.filter(({ isComment }) => isComment).map((mark) => ({ type: "comments", id: toCommentId(mark) })),
      links: { related: `${self}/comments` },
    },
    "task-stages": { data: [] },
  };
}

/** A person; null for everybody else. */
export function userOf(actor: string): Relationship {
  const id = keyOfActor(actor);
  return { data: id === undefined ? null : { type: "users", id: toTfeId(id) } };
}

/** The last person who has let the run apply. */
export const confirmedBy = (marks: readonly EventMark[]): string =>
  marks.findLast(({ status, actor }) => status === "apply_queued" && keyOfActor(actor) !== undefined)?.actor ?? "";

const stampedAt = (marks: readonly EventMark[], status: Run["status"]): Date | null =>
  marks.findLast((mark) => mark.status === status)?.at ?? null;

function timestampsOf(run: Run, marks: readonly EventMark[]): Readonly<Record<string, string | null>> {
  const moves = marks.flatMap(({ status, at, actor }): [string, string | null][] => {
    if (status === null) return [];
    const own: [string, string | null] = [toStamp(status, run), toTime(at)];
    const isConfirmed = status === "apply_queued" && keyOfActor(actor) !== undefined;
    return isConfirmed ? [["confirmed-at", toTime(at)], own] : [own];
  });
  return Object.fromEntries(moves);
}

function actionsOf({ run, plan, apply, isConfirmable }: RunView, now: Date) {
  const isRunning = plan?.status === "started" || apply?.status === "started";
  const forcedAt = forceAvailableAt(run, apply === null ? "plan" : "apply");
  return {
    "is-cancelable": !isFinal(run.status) && run.status !== "planned" && run.cancelRequestedAt === null,
    "is-confirmable": isConfirmable,
    "is-discardable": run.status === "planned",
    "is-force-cancelable": isRunning && !isFinal(run.status) && forcedAt !== null && forcedAt <= now,
  };
}

function permissionsOf({ options, deniedBy }: Run, who: Person) {
  const mayDecide = allows(who, options.isPlanOnly ? "plan" : "operate");
  return {
    // What a hook has denied is an owner's to decide.
    "can-apply": allows(who, deniedBy === null ? "operate" : "own"),
    "can-cancel": mayDecide,
    "can-comment": allows(who, "plan"),
    "can-discard": mayDecide,
    "can-force-cancel": mayDecide,
    "can-force-execute": allows(who, "own"),
  };
}
