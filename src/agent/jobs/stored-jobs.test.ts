import { cp, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobPhase, JobSpecSchema } from "../../gen/windlass/agent/v1/job_pb.ts";
import { newClaim } from "../contract/claim.ts";
import { isCopy } from "../contract/directory-place.ts";
import type { NewRecord, StoredResult } from "./journal.ts";
import { readStoredJobs, writeNewJob } from "./stored-jobs.ts";

const now = () => new Date("2026-01-01T00:00:00Z");
const key = "job_a-1";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-stored-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const result: StoredResult = {
  ...{ outcome: "finished" as const, exitCode: 0, errorMessage: "", logBytes: 0, logSha256: "", hasChanges: true },
  ...{
    counts: { add: 1, change: 0, destroy: 0, import: 0, forget: 0, drift: 0, move: 0 },
    planSha256: "",
    stateSerial: 1,
  },
  ...{
    stateSha256: "",
    resourcesInFlight: [],
    inFlight: [],
    lost: [],
    lostCount: 0,
    denial: "",
    hooks: [],
    engineVersion: "1.11.4",
  },
};

/** The jobs of a data directory, of which one has come so far. */
async function begun(...records: readonly NewRecord[]): Promise<string> {
  const root = join(dir, "jobs");
  const job = create(JobSpecSchema, { claim: newClaim("job_a", 1n), runId: "run_1", phase: JobPhase.APPLY });
  const { journal } = await writeNewJob(root, { key, stored: { job, clusterGeneration: "g" } }, now);
  for (const record of records) await journal.append(record);
  await journal[Symbol.asyncDispose]();
  return root;
}

async function found(root: string): Promise<string> {
  const { jobs, kept } = await readStoredJobs(root, now);
  for (const { journal } of jobs) await journal[Symbol.asyncDispose]();
  if (jobs.length > 0) return "taken up";
  return kept.length > 0 ? `kept: ${kept[0]?.reason}` : (await readdir(root)).join() || "nothing";
}

const exec: NewRecord = { kind: "exec", epoch: "1" };

describe.each<readonly [string, readonly NewRecord[], string]>([
  ["that was only taken", [], "nothing"],
  [
    "that was begun",
    [exec],
    "kept: this directory is a copy of the one in which its job was begun: only the agent there can say how that ended",
  ],
  ["that has its result", [exec, { kind: "result", result }], "taken up"],
])("a job %s", (_how, records, inCopy) => {
  test(`is, in a copy of its directory: ${inCopy}; the first one goes on`, async () => {
    const root = await begun(...records);
    const copy = join(dir, "copy");
    await cp(root, copy, { recursive: true });
    for (const _again of ["at once", "at the next start"]) expect(await found(copy)).toBe(inCopy);
    expect(await found(root)).toBe("taken up");
  });

  test("goes on where its directory was moved to", async () => {
    const root = await begun(...records);
    await rename(root, join(dir, "moved"));
    expect(await found(join(dir, "moved"))).toBe("taken up");
  });
});

test.each([
  ["the same", { machineBoot: "m", device: "1", inode: "2" }, false],
  ["another directory", { machineBoot: "m", device: "1", inode: "3" }, true],
  ["another disk", { machineBoot: "m", device: "9", inode: "2" }, true],
  [
    "the same after a restart of the machine, which may number its disks anew",
    { machineBoot: "n", device: "9", inode: "2" },
    false,
  ],
  ["another directory after a restart of the machine", { machineBoot: "n", device: "1", inode: "3" }, true],
])("what is a copy: %s", (_what, place, expected) => {
  expect(isCopy({ machineBoot: "m", device: "1", inode: "2" }, place)).toBe(expected);
});
