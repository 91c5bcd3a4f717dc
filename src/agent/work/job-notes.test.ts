import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { smallDisk } from "../../../test/support/agent/small-disk.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/program/log.ts";
import { systemRandom } from "../../lib/random.ts";
import { DiskReserve } from "../disk/disk-reserve.ts";
import { isOutOfSpace } from "../disk/durable-files.ts";
import type { AgentJob } from "../jobs/job.ts";
import { Journal } from "../jobs/journal.ts";
import { note } from "./job-notes.ts";
import type { JobContext } from "./services.ts";

let held: AsyncDisposableStack;
let dir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await mkdtemp(join(tmpdir(), "windlass-notes-"));
  held.defer(() => rm(dir, { recursive: true, force: true }));
});
afterEach(() => held.disposeAsync());

async function fillUp(path: string): Promise<void> {
  await using file = await open(path, "w");
  try {
    for (;;) await file.write(Buffer.alloc(4096));
  } catch (error) {
    if (!isOutOfSpace(error)) throw error;
  }
}

test("a journal that cannot be written takes the reserve, and waits for nobody", async ({ skip }) => {
  const disk = await smallDisk(join(dir, "disk"), 4096);
  if (disk === undefined) return skip();
  held.use(disk);
  const common = { clock: systemClock, log: silentLog() };
  const path = join(disk.path, "reserve");
  const reserve = new DiskReserve({ ...common, path, bytes: 65_536, minFreeBytes: 0, random: systemRandom });
  expect(await reserve.ensure()).toBe(true);
  const journal = held.use(await Journal.open(join(disk.path, "journal"), () => systemClock.now()));
  await fillUp(join(disk.path, "filler"));
  const reason = "r".repeat(20_000);
  await expect(journal.append({ kind: "kept", reason })).rejects.toSatisfy(isOutOfSpace);
  // Of the job only its journal is used, and of the context what concerns the disk.
  const job = { journal, claim: { jobId: "job_1", epoch: 1n }, spec: {} } as unknown as AgentJob;
  const context = { ...common, reserve, stopping: new AbortController().signal } as unknown as JobContext;
  await note(job, context, { kind: "kept", reason });
  expect(journal.last("kept")?.reason).toBe(reason);
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
});
