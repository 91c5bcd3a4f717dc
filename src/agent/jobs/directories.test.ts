import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../../test/support/agent/agent-place.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { OfferSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobPhase, JobSpecSchema } from "../../gen/windlass/agent/v1/job_pb.ts";
import { systemClock } from "../../lib/clock.ts";
import { memoryLog } from "../../lib/program/log.ts";
import { newClaim } from "../contract/claim.ts";
import type { AgentConfig } from "../contract/config.ts";
import { JobDirectories } from "./directories.ts";
import { jobFilesAt } from "./files.ts";
import type { AgentJob } from "./job.ts";
import type { NewRecord } from "./journal.ts";
import { writeNewJob } from "./stored-jobs.ts";
import { JobTable } from "./table.ts";
import type { RunJob } from "./work-to-end.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "windlass-directories-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const calm = { isHurried: () => false };
const left = async () => (await readdir(root)).sort();
const specOf = (name: string) =>
  create(JobSpecSchema, { claim: newClaim(name, 1n), runId: "run_1", phase: JobPhase.PLAN, workspace: "net" });

/** The directory of a job whose journal says this. */
async function stored(name: string, ...records: readonly NewRecord[]): Promise<void> {
  const job = { key: `${name}-1`, stored: { job: specOf(name), clusterGeneration: "" } };
  const { journal } = await writeNewJob(root, job, () => new Date(0));
  for (const record of records) await journal.append(record);
  await journal[Symbol.asyncDispose]();
}

describe("a look at job directories", () => {
  const exec: NewRecord = { kind: "exec", epoch: "1" };

  test("removes what belongs to no job, says so, and touches nothing else", async () => {
    const clock = new ManualClock();
    const { log, records } = memoryLog();
    await stored("job_over", exec, { kind: "acknowledged" });
    await mkdir(join(root, "job_torn-1", "work"), { recursive: true });
    await stored("job_open", exec);
    await stored("job_kept", exec, { kind: "kept", reason: "its state" });
    await stored("job_used", exec, { kind: "acknowledged" });
    await writeFile(join(root, "a-file"), "");
    await using directories = new JobDirectories({ ...calm, root, isInUse: (key) => key === "job_used-1", clock, log });
    directories.tidy();
    await directories[Symbol.asyncDispose]();
    expect(await left()).toContain("job_over-1");
    await clock.advance(60_000);
    directories.tidy();
    await directories[Symbol.asyncDispose]();
    expect(await left()).toEqual(["a-file", "job_kept-1", "job_open-1", "job_used-1"]);
    expect(records.map(({ directory, msg }) => [directory, msg])).toEqual(
      ["job_over-1", "job_torn-1"].map((name) => [join(root, name), "a directory that belonged to no job was removed"]),
    );
  });

  test("leaves alone what becomes a job's meanwhile", async () => {
    const clock = new ManualClock();
    await stored("job_over", { kind: "acknowledged" });
    let looks = 0;
    const isInUse = () => ++looks > 1;
    await using directories = new JobDirectories({ ...calm, root, isInUse, clock, log: memoryLog().log });
    await clock.advance(60_000);
    directories.tidy();
    await directories[Symbol.asyncDispose]();
    expect(await left()).toEqual(["job_over-1"]);
  });
});

describe("the directory of a job that is over", () => {
  /** What comes true of a removal in which the clock is moved on by so much. */
  async function removed(moved: number, more: Partial<ConstructorParameters<typeof JobDirectories>[0]>) {
    const clock = new ManualClock();
    await mkdir(join(root, "job_over-1"));
    const isInUse = () => false;
    await using directories = new JobDirectories({ ...calm, ...more, root, isInUse, clock, log: memoryLog().log });
    let isOver = false;
    void directories.remove("job_over-1").finally(() => {
      isOver = true;
    });
    await clock.advance(moved);
    return { clock, directories, isOver: () => isOver };
  }

  test("goes soon when no other job is brought on its way, and at once when the agent is about to end", async () => {
    const { isOver } = await removed(20, {});
    await eventually(isOver, "it is over");
    expect(await left()).toEqual([]);
    const ending = await removed(0, { isHurried: () => true });
    expect(await left()).toEqual(["job_over-1"]);
    ending.directories.restNoMore();
    await eventually(ending.isOver, "it is over");
    expect(await left()).toEqual([]);
  });

  test("waits while another job is brought on its way, but not for ever", async () => {
    const apart: string[] = [];
    const isHurried = (key: string) => apart.push(key) > 0;
    const { clock, isOver } = await removed(1_980, { isHurried });
    expect(isOver()).toBe(false);
    expect(await left()).toEqual(["job_over-1"]);
    await clock.advance(20);
    await eventually(isOver, "it is over");
    expect(await left()).toEqual([]);
    expect(new Set(apart)).toEqual(new Set(["job_over-1"]));
  });
});

describe("the jobs of an agent", () => {
  const config = {
    ...{ workRoot: "/nowhere", labels: {}, concurrency: 4, version: "1", isServerAgent: false, searchPath: "" },
    ...{ sandbox: "none", minFreeBytes: 0 },
  } satisfies Omit<AgentConfig, "dataDir">;

  const tableWith = (runJob: RunJob) => {
    const { log, records } = memoryLog();
    const options = { clock: systemClock, log, runJob, incarnation: "i", clusterGeneration: () => "g" };
    return { table: new JobTable({ ...options, config: { ...config, dataDir: root } }), records };
  };
  const offer = (table: JobTable) => table.offer(create(OfferSchema, { job: specOf("job_a") }));
  const directories = () => readdir(join(root, "jobs")).catch(() => []);

  test("have a new directory when a claim is offered again while its old one is removed", async () => {
    const seen: (readonly string[])[] = [];
    const runJob = async ({ journal, files }: AgentJob) => {
      seen.push(journal.records.map(({ kind }) => kind));
      expect(existsSync(files.spec)).toBe(true);
      for (let n = 0; n < 300; n++) await writeFile(join(files.work, `file-${n}`), "");
      return { kind: "forgotten" } as const;
    };
    const { table, records } = tableWith(runJob);
    await using _table = table;
    await table.restore();
    for (let time = 1; time <= 5; time++) {
      const answers = new Set<string>();
      // As soon as the table holds it no longer, its directory is still being removed.
      while (seen.length < time) {
        answers.add(offer(table).kind);
        await new Promise(setImmediate);
      }
      expect(answers).toContain("taken");
    }
    await eventually(() => table.isIdle, "all jobs have ended");
    await table.tidied();
    await eventually(async () => (await directories()).length === 0, "no directory is left");
    expect(new Set(seen.map((kinds) => kinds.join()))).toEqual(new Set(["offered"]));
    expect(records.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  test("are not taken for a claim whose directory is kept", async () => {
    const { table } = tableWith(async () => ({ kind: "kept", reason: "its state" }));
    await using _table = table;
    await table.restore();
    offer(table);
    await eventually(() => table.kept().length === 1, "it is kept");
    expect(offer(table)).toEqual({ kind: "declined", reason: expect.stringContaining("kept") });
    expect(existsSync(jobFilesAt(join(root, "jobs", "job_a-1")).journal)).toBe(true);
  });

  test("are over on the disk when they are given back, before the directory goes", async () => {
    const journals: AgentJob["journal"][] = [];
    const { table } = tableWith(async ({ journal }) => {
      journals.push(journal);
      return { kind: "declined", reason: "no room" };
    });
    await using _table = table;
    await table.restore();
    offer(table);
    await eventually(async () => journals.length > 0 && (await directories()).length === 0, "it is removed");
    expect(journals[0]?.has("acknowledged")).toBe(true);
  });
});
