import { isQueued, type Run } from "../../domain/runs/run.ts";
import { maxSavedPlanMs, whyOutdated } from "../../domain/runs/saved-plan.ts";
import { durationMs, settingText } from "../../lib/setting-schemas.ts";
import type { RunId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { advanceRun } from "./advance.ts";
import { viewRun } from "./view.ts";

const batch = 500;

/** Cancels runs that have waited for their workspace, or for an agent, for longer than they or the server allow. */
export async function sweepQueues(control: Control, now: Date): Promise<void> {
  for (let after: RunId | null = null; ; ) {
    const page: readonly Run[] = await control.store.read((q) => q.runs.queuedSince(now, { after, limit: batch }));
    for (const run of page) if (isOverdue(control, run, now)) await expire(control, run.id, now);
    after = page.at(-1)?.id ?? null;
    if (page.length < batch) return;
  }
}

/** How long a run may wait each time. */
const limitMs = ({ timing }: Control, { options }: Run): number =>
  options.queueTimeoutMs === undefined || options.queueTimeoutMs === 0 ? timing.queueTimeoutMs : options.queueTimeoutMs;

function isOverdue(control: Control, run: Run, now: Date): boolean {
  const ms = limitMs(control, run);
  return ms > 0 && isQueued(run.status) && now.getTime() - run.statusAt.getTime() > ms;
}

async function expire(control: Control, id: RunId, now: Date): Promise<void> {
  const why = await control.store.read((q) => whyStill(control, q, id));
  const expired = await changeAbout(control, id, async (tx, at) => {
    const run = await tx.runs.get(id);
    if (run === undefined || !isOverdue(control, run, now) || (await isTaken(tx, run))) return false;
    const waited = settingText(durationMs(), limitMs(control, run));
    const message = `it waited longer than its queue timeout of ${waited}${why === "" ? "" : `: ${why}`}`;
    return (await advanceRun(tx, at, { run, event: { kind: "queue_expired", message } })).kind === "moved";
  });
  if (expired) control.log.info({ runId: id, why }, "a run waited too long and was canceled");
}

async function whyStill(control: Control, q: Queries, id: RunId): Promise<string> {
  const run = await q.runs.get(id);
  return run === undefined ? "" : ((await viewRun(control, q, run)).waiting?.detail ?? "");
}

/** An agent prepares its job: it waits no more. */
const isTaken = async (tx: Queries, { id }: Run): Promise<boolean> =>
  (await tx.jobs.ofRun(id)).some((job) => job.status === "offered");

/** Discards saved plans that can never be applied, because the state has moved since, and those that wait for too long. */
export async function sweepSavedPlans(control: Control, now: Date): Promise<void> {
  const before = new Date(now.getTime() - maxSavedPlanMs);
  const found = await control.store.read((q) => q.runs.outdatedPlans(before, batch));
  for (const id of found) await discardOutdated(control, id);
}

async function discardOutdated(control: Control, id: RunId): Promise<void> {
  const why = await changeAbout(control, id, async (tx, at) => {
    const run = await tx.runs.get(id);
    const workspace = run === undefined ? undefined : await tx.workspaces.get(run.workspaceId);
    if (run === undefined || workspace === undefined) return undefined;
    const message = whyOutdated(run, workspace, at.now);
    if (message === undefined) return undefined;
    const advanced = await advanceRun(tx, at, { run, event: { kind: "plan_outdated", message } });
    return advanced.kind === "moved" ? message : undefined;
  });
  if (why !== undefined) control.log.info({ runId: id, why }, "a saved plan was discarded");
}
