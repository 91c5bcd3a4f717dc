import { maxSavedPlanMs, whyOutdated } from "../../domain/runs/saved-plan.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { advanceRun } from "./advance.ts";

const batch = 200;

/** Discards saved plans that can never be applied, because the state has moved since, and those that wait for too long. */
export async function sweepSavedPlans(control: Control, now: Date): Promise<void> {
  const before = new Date(now.getTime() - maxSavedPlanMs);
  const found = await control.store.read((q) => q.runs.outdatedPlans(before, batch));
  for (const id of found) await discardOutdated(control, id);
}

async function discardOutdated(control: Control, id: RunId): Promise<void> {
  const why = await change(control, async (tx, at) => {
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
