import { join } from "node:path";
import * as z from "zod";
import { readdir, readFile } from "../../../lib/fs/at-once.ts";
import type { Log } from "../../../lib/program/log.ts";
import type { CachedPackage, PackageCache } from "../../../terraform/packages/package-cache.ts";
import { jobFilesAt } from "../../jobs/files.ts";

export interface Room {
  readonly dataDir: string;
  readonly maxBytes: number;
  readonly log: Log;
  /** Stays in any case. */
  readonly newest: CachedPackage;
}

const usedShape = z.array(z.string());

/** Removes what was not used for longest, but nothing that a job uses. */
export async function makeRoom(cache: PackageCache, { dataDir, maxBytes, log, newest }: Room): Promise<void> {
  const used = await usedPackages(dataDir);
  const all = await cache.list();
  const dated = await Promise.all(all.map(async (one) => ({ one, atMs: await cache.usedAtMs(one) })));
  let bytes = all.reduce((sum, one) => sum + one.bytes, 0);
  for (const { one } of dated.toSorted((a, b) => a.atMs - b.atMs)) {
    if (bytes <= maxBytes) return;
    if (one.entry === newest.entry || used.has(one.root)) continue;
    await cache.discard(one.entry);
    bytes -= one.bytes;
    log.info({ provider: one.address, version: one.version }, "a provider leaves the cache to make room");
  }
}

/** Packages that jobs of an agent use, also those that an earlier process of it has started. */
export async function usedPackages(dataDir: string): Promise<ReadonlySet<string>> {
  const jobs = join(dataDir, "jobs");
  const names = await readdir(jobs).catch(() => []);
  const lists = await Promise.all(names.map((name) => readUsedPackages(jobFilesAt(join(jobs, name)).packages)));
  return new Set(lists.flat());
}

/** The packages that a job has written down. */
export async function readUsedPackages(path: string): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? [] : usedShape.parse(JSON.parse(text));
}
