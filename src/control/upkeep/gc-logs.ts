import { setImmediate as nextTurn } from "node:timers/promises";
import { before, isLogExpendable } from "../../domain/people/retention.ts";
import type { Job } from "../../domain/runs/job.ts";
import { isId } from "../../lib/words/ids.ts";
import type { ListedStream } from "../../store/ports/logs.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";

const pageRows = 200;

type Fate = "kept" | "emptied" | "orphaned";

/**
 * Empties logs that are too old, which then show a gap of their whole length, and forgets streams without a job. Streams are
 * listed before the jobs are looked up, and a job is there before its log: so one without a job has lost it.
 */
export async function collectLogs(
  { store, logs, clock }: GcControl,
  { retention, isDryRun }: GcOptions,
  gone: Pick<Gone, "runs" | "logs">,
): Promise<readonly GcCount[]> {
  const endedBefore = before(clock.now(), retention.logsMs);
  const counts = { emptied: { count: 0, bytes: 0 }, orphaned: { count: 0, bytes: 0 } };
  for (let after: string | null = null; ; ) {
    const streams: readonly ListedStream[] = await logs.list(after, pageRows);
    const fates = await store.read((q) => fatesOf(q, { streams, endedBefore, goneRuns: gone.runs }));
    for (const { name, length } of streams) {
      const fate = fates.get(name) ?? "kept";
      if (fate === "kept" || (fate === "emptied" && length === 0)) continue;
      counts[fate].count += 1;
      counts[fate].bytes += length;
      gone.logs.add(name);
      if (isDryRun) continue;
      await (fate === "emptied" ? logs.empty(name) : logs.delete(name));
    }
    if (streams.length < pageRows) break;
    await nextTurn();
    after = streams.at(-1)?.name ?? null;
  }
  return [
    { kind: "logs", ...counts.emptied },
    { kind: "orphaned logs", ...counts.orphaned },
  ];
}

interface Question {
  readonly streams: readonly ListedStream[];
  readonly endedBefore: Date | null;
  /** Runs that a dry run has found to go. */
  readonly goneRuns: ReadonlySet<string>;
}

async function fatesOf(q: Queries, { streams, endedBefore, goneRuns }: Question): Promise<ReadonlyMap<string, Fate>> {
  const ids = [...new Set(streams.map(({ name }) => jobOf(name)))].filter((id) => isId("job", id));
  const jobs = new Map<string, Job>((await q.jobs.byIds(ids)).map((job) => [job.id, job]));
  const runs = new Map((await q.runs.byIds([...jobs.values()].map(({ runId }) => runId))).map((run) => [run.id, run]));
  const owners = await q.workspaces.byIds([...new Set([...runs.values()].map(({ workspaceId }) => workspaceId))]);
  const workspaces = new Map(owners.map((row) => [row.id, row]));
  const fateOf = (name: string): Fate => {
    const job = jobs.get(jobOf(name));
    const run = job === undefined ? undefined : runs.get(job.runId);
    if (job === undefined || run === undefined || goneRuns.has(run.id)) return "orphaned";
    const workspace = workspaces.get(run.workspaceId);
    return isLogExpendable({ run, job, workspace }, endedBefore) ? "emptied" : "kept";
  };
  return new Map(streams.map(({ name }) => [name, fateOf(name)]));
}

/** The job in a stream's name, `<job id>/<epoch>`. */
const jobOf = (name: string): string => name.slice(0, name.lastIndexOf("/"));
