import type { Agent } from "../domain/agent.ts";
import type { Configuration } from "../domain/configuration.ts";
import { before, isExpendable, type Retention } from "../domain/retention.ts";
import type { Run } from "../domain/run.ts";
import type { Queries } from "../store/ports.ts";
import { record } from "./audit.ts";
import type { Control } from "./control.ts";
import { collectBlobs } from "./gc-blobs.ts";
import { collectLogs } from "./gc-logs.ts";

/** What a collection works with. */
export type GcControl = Pick<Control, "store" | "logs" | "blobs" | "clock" | "log">;

export interface GcOptions {
  readonly retention: Retention;
  /** Looks and counts, and deletes nothing. */
  readonly isDryRun: boolean;
}

/** How much of one kind went, or would go. */
export interface GcCount {
  readonly kind: "runs" | "logs" | "configurations" | "agents" | "orphaned logs" | "orphaned objects";
  readonly count: number;
  /** Null for kinds that only take rows. */
  readonly bytes: number | null;
}

const pageRows = 200;

/** Deletes what the retention no longer keeps, and what nothing refers to any more. Answers what went, kind by kind. */
export async function collectGarbage(control: GcControl, options: GcOptions): Promise<readonly GcCount[]> {
  const gone: Gone = { runs: new Set(), configurations: new Set() };
  const runs = await collectRuns(control, options, gone);
  const configurations = await collectConfigurations(control, options, gone);
  const agents = await collectAgents(control, options);
  const logs = await collectLogs(control, options, gone.runs);
  const blobs = await collectBlobs(control, options, gone);
  const counts = [runs, configurations, agents, ...logs, blobs];
  if (!options.isDryRun) await tell(control, counts);
  return counts;
}

/** What has gone before, or would have: what belongs to it goes too. */
export interface Gone {
  readonly runs: Set<string>;
  readonly configurations: Set<string>;
}

async function tell({ store, clock, log }: GcControl, counts: readonly GcCount[]): Promise<void> {
  const real = counts.filter(({ count }) => count > 0);
  if (real.length === 0) return;
  const detail = Object.fromEntries(
    real.map(({ kind, count, bytes }) => [
      kind.replace(" ", "_"),
      bytes === null ? `${count}` : `${count} (${bytes} bytes)`,
    ]),
  );
  await store.write((tx) =>
    record(tx, "system", { action: "server.gc", resource: "server", organizationId: null, detail, at: clock.now() }),
  );
  log.info({ deleted: detail }, "what is no longer kept was deleted");
}

async function collectRuns(
  { store, clock }: GcControl,
  { retention, isDryRun }: GcOptions,
  { runs }: Gone,
): Promise<GcCount> {
  const endedBefore = before(clock.now(), retention.runsMs);
  for (let after: string | null = null; endedBefore !== null; ) {
    const page: Page = { after, limit: pageRows };
    const found = await store.read((q) => expendableRuns(q, page, endedBefore));
    for (const { id } of found.expendable) {
      // Looked at again where it is deleted: a person may have taken it up since.
      const isGone = isDryRun || (await store.write((tx) => deleteRun(tx, id, endedBefore)));
      if (isGone) runs.add(id);
    }
    if (found.last === null) break;
    after = found.last;
  }
  return { kind: "runs", count: runs.size, bytes: null };
}

interface Page {
  readonly after: string | null;
  readonly limit: number;
}

async function expendableRuns(
  q: Queries,
  page: Page,
  endedBefore: Date,
): Promise<{ readonly expendable: readonly Run[]; readonly last: string | null }> {
  const rows = await q.upkeep.endedRuns(endedBefore, page);
  const expendable: Run[] = [];
  for (const run of rows) if (await mayGo(q, run, endedBefore)) expendable.push(run);
  return { expendable, last: rows.length < page.limit ? null : (rows.at(-1)?.id ?? null) };
}

async function mayGo(q: Queries, run: Run, endedBefore: Date): Promise<boolean> {
  const workspace = await q.workspaces.get(run.workspaceId);
  const newest = await q.runs.newest(run.workspaceId);
  const hasQuarantined = (await q.upkeep.quarantinedRuns([run.id])).has(run.id);
  return isExpendable(run, { workspace, newestId: newest?.id, hasQuarantined }, endedBefore);
}

async function deleteRun(tx: Queries, id: Run["id"], endedBefore: Date): Promise<boolean> {
  const run = await tx.runs.get(id);
  if (run === undefined || !(await mayGo(tx, run, endedBefore))) return false;
  await tx.upkeep.deleteRun(id);
  return true;
}

async function collectConfigurations(
  { store, clock }: GcControl,
  { retention, isDryRun }: GcOptions,
  gone: Gone,
): Promise<GcCount> {
  const madeBefore = before(clock.now(), retention.configurationsMs);
  let bytes = 0;
  for (let after: string | null = null; madeBefore !== null; ) {
    const page: Page = { after, limit: pageRows };
    const rows = await store.read((q) => q.upkeep.configurations(madeBefore, page));
    for (const row of rows) {
      const isGone = await (isDryRun
        ? store.read((q) => isUnused(q, row, gone))
        : store.write((tx) => deleteConfiguration(tx, row, gone)));
      if (!isGone) continue;
      gone.configurations.add(row.id);
      bytes += row.bytes;
    }
    if (rows.length < pageRows) break;
    after = rows.at(-1)?.id ?? null;
  }
  return { kind: "configurations", count: gone.configurations.size, bytes };
}

/** A run that goes with this collection counts as gone: a dry run tells what a real one would do. */
async function isUnused(q: Queries, row: Configuration, { runs }: Gone): Promise<boolean> {
  const newest = await q.configurations.newest(row.workspaceId);
  if (newest?.id === row.id) return false;
  return (await q.upkeep.runsUsing(row)).every((id) => runs.has(id));
}

async function deleteConfiguration(tx: Queries, row: Configuration, gone: Gone): Promise<boolean> {
  if (!(await isUnused(tx, row, gone))) return false;
  await tx.upkeep.deleteConfiguration(row.id);
  return true;
}

async function collectAgents({ store, clock }: GcControl, { retention, isDryRun }: GcOptions): Promise<GcCount> {
  const seenBefore = before(clock.now(), retention.exitedAgentsMs);
  let count = 0;
  for (let after: string | null = null; seenBefore !== null; ) {
    const page: Page = { after, limit: pageRows };
    const rows = await store.read((q) => q.upkeep.exitedAgents(seenBefore, page));
    for (const { id } of rows) {
      const isGone = await (isDryRun
        ? store.read((q) => hasLeft(q, id, seenBefore))
        : store.write((tx) => deleteAgent(tx, id, seenBefore)));
      if (isGone) count += 1;
    }
    if (rows.length < pageRows) break;
    after = rows.at(-1)?.id ?? null;
  }
  return { kind: "agents", count, bytes: null };
}

/** An agent of which something may still come keeps its row: its claims hang on its id. */
async function hasLeft(q: Queries, id: Agent["id"], seenBefore: Date): Promise<boolean> {
  const agent = await q.agents.get(id);
  if (agent?.status !== "exited" || agent.lastSeenAt >= seenBefore) return false;
  return (await q.jobs.openOfAgent(id)).length === 0;
}

async function deleteAgent(tx: Queries, id: Agent["id"], seenBefore: Date): Promise<boolean> {
  if (!(await hasLeft(tx, id, seenBefore))) return false;
  await tx.agents.delete(id);
  return true;
}
