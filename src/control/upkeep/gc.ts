import { record } from "../core/audit.ts";
import { collectAgents } from "./gc-agents.ts";
import { collectBlobs } from "./gc-blobs.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";
import { collectLogs } from "./gc-logs.ts";
import { collectKeys, collectRecords } from "./gc-records.ts";
import { collectConfigurations, collectRuns } from "./gc-runs.ts";
import { collectStates } from "./gc-states.ts";
import { collectUploads } from "./gc-uploads.ts";

/** Deletes what the retention no longer keeps, and what nothing refers to any more. Answers what went, kind by kind. */
export async function collectGarbage(control: GcControl, options: GcOptions): Promise<readonly GcCount[]> {
  const [runs, states, announcements] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const gone: Gone = { runs, states, announcements, configurations: new Set(), agents: new Set(), logs: new Set() };
  const counts: GcCount[] = [];
  for (const collect of [collectRuns, collectStates, collectConfigurations, collectAgents, collectKeys])
    counts.push(await collect(control, options, gone));
  counts.push(...(await collectRecords(control, options)));
  counts.push(await collectUploads(control, options, gone));
  counts.push(...(await collectLogs(control, options, gone)));
  counts.push(await collectBlobs(control, options, gone));
  if (!options.isDryRun) await tell(control, counts);
  return counts;
}

async function tell({ store, clock, log }: GcControl, counts: readonly GcCount[]): Promise<void> {
  const real = counts.filter(({ count }) => count > 0);
  if (real.length === 0) return;
  const detail = Object.fromEntries(
    real.map(({ kind, count, bytes }) => [
      kind.replaceAll(" ", "_"),
      bytes === null ? `${count}` : `${count} (${bytes} bytes)`,
    ]),
  );
  await store.write((tx) =>
    record(tx, "system", { action: "server.gc", resource: "server", organizationId: null, detail, at: clock.now() }),
  );
  log.info({ deleted: detail }, "what is no longer kept was deleted");
}
