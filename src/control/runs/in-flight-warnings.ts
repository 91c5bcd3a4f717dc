import { showsAll, warningsFor } from "../../domain/runs/in-flight.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import type { Position } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";

/** How far back is looked, in runs of the workspace that have ended. */
const maxRuns = 100;
const pageSize = 20;

/** Runs that may have left something in flight, or show that all is well. */
const telling: readonly RunStatus[] = ["applied", "planned_and_finished", "errored", "canceled", "force_canceled"];

/** What earlier applies of the workspace may have left in flight, for the person who decides about this run. */
export async function warningsOf(tx: Queries, run: Run): Promise<readonly string[]> {
  const filter = { organizationId: run.organizationId, workspaceId: run.workspaceId, statuses: telling };
  const ended: Run[] = [];
  for (let before: Position | null = null; ended.length < maxRuns; ) {
    const page: readonly Run[] = await tx.runs.list(filter, { before, limit: pageSize });
    ended.push(...page);
    const last = page.at(-1);
    // What ended before such a run is told no more; the rest of the page is for runs that overtook each other.
    if (last === undefined || page.length < pageSize || page.some(showsAll)) break;
    before = { at: last.createdAt, id: last.id };
  }
  return warningsFor(ended);
}
