import { before, isExpendable } from "../../domain/people/retention.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { Configuration } from "../../domain/workspaces/configuration.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { EndedPage, EndedRun } from "../../store/ports/upkeep.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";
import { byId, collectRows, type RowKind } from "./gc-rows.ts";

/** How many of the index are looked at once: what is kept for ever is passed by without its rows being read. */
const endedRows = 500;

/** Deletes runs that ended long ago, with their jobs and events. */
export async function collectRuns(control: GcControl, options: GcOptions, { runs }: Gone): Promise<GcCount> {
  const endedBefore = before(control.clock.now(), options.retention.runsMs);
  if (endedBefore !== null) {
    const kind: RowKind<EndedRun, NonNullable<EndedPage["after"]>> = {
      page: async (q, after) => {
        const rows = await q.upkeep.endedRuns(endedBefore, { after, limit: endedRows });
        const next = rows.length < endedRows ? null : (rows.at(-1) ?? null);
        return { rows: rows.filter(({ isNewest }) => !isNewest), next };
      },
      mayGo: async (q, { id }) => {
        const run = await q.runs.get(id);
        return run !== undefined && (await mayGo(q, run, endedBefore));
      },
      remove: (tx, { id }) => tx.upkeep.deleteRun(id),
    };
    await collectRows(control, options, kind, ({ id }) => runs.add(id));
  }
  return { kind: "runs", count: runs.size, bytes: null };
}

async function mayGo(q: Queries, run: Run, endedBefore: Date): Promise<boolean> {
  const workspace = await q.workspaces.get(run.workspaceId);
  const newest = await q.runs.newest(run.workspaceId);
  const hasQuarantined = (await q.upkeep.quarantinedRuns([run.id])).has(run.id);
  return isExpendable(run, { workspace, newestId: newest?.id, hasQuarantined }, endedBefore);
}

/** Deletes configurations that no run uses. */
export async function collectConfigurations(control: GcControl, options: GcOptions, gone: Gone): Promise<GcCount> {
  const madeBefore = before(control.clock.now(), options.retention.configurationsMs);
  let bytes = 0;
  if (madeBefore !== null) {
    const kind: RowKind<Configuration, string> = {
      page: byId((q, page) => q.upkeep.configurations(madeBefore, page)),
      mayGo: (q, row) => isUnused(q, row, gone),
      remove: (tx, { id }) => tx.upkeep.deleteConfiguration(id),
    };
    await collectRows(control, options, kind, (row) => {
      gone.configurations.add(row.id);
      bytes += row.bytes;
    });
  }
  return { kind: "configurations", count: gone.configurations.size, bytes };
}

/** A run that goes with this collection counts as gone: a dry run tells what a real one would do. */
async function isUnused(q: Queries, row: Configuration, { runs }: Gone): Promise<boolean> {
  if (await isNewest(q, row)) return false;
  return (await q.upkeep.runsUsing(row)).every((id) => runs.has(id));
}

/** What the next run may have that names none, and what clients take for the workspace's. */
async function isNewest(q: Queries, { id, workspaceId }: Configuration): Promise<boolean> {
  const newest = async (mayApply: boolean) =>
    (await q.configurations.usable(workspaceId, { mayApply }, { before: null, limit: 1 }))[0];
  return [await q.configurations.current(workspaceId), await newest(true), await newest(false)].some(
    (one) => one?.id === id,
  );
}
