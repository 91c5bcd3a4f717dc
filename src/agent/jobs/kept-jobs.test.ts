import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { memoryLog } from "../../lib/program/log.ts";
import { newClaim } from "../contract/claim.ts";
import { jobFilesAt, makeJobDirectories } from "./files.ts";
import { type KeptJob, KeptJobs, type KeptLimits } from "./kept-jobs.ts";
import { slimJob } from "./slim-job.ts";

const hour = 3_600_000;
const roomy: KeptLimits = { ageMs: 7 * 24 * hour, bytes: 0 };

let root: string;
let clock: ManualClock;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "windlass-kept-"));
  clock = new ManualClock();
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, content = "x"): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content);
}

/** A directory as an apply leaves it, with a provider of a megabyte. */
async function keptJob(name: string, over: Partial<KeptJob> = {}): Promise<KeptJob> {
  const files = jobFilesAt(join(root, `${name}-1`));
  await makeJobDirectories(files);
  for (const file of [files.spec, files.journal, files.spool, join(files.raw, "apply.out")]) await write(file);
  await write(join(files.work, "config", "terraform.tfstate"), "y".repeat(8_000));
  await write(join(files.work, "config", ".terraform", "providers", "provider"), "z".repeat(1_000_000));
  return {
    ...{ key: `${name}-1`, claim: newClaim(name, 1n), runId: "run_1", workspace: "net", workingDirectory: "" },
    ...{ reason: "nobody took the state", keptAt: clock.now(), hasState: true, files },
    ...over,
  };
}

const open = (limits: KeptLimits = roomy, onChange = () => {}) => {
  const { log, records } = memoryLog();
  return { kept: new KeptJobs({ limits, clock, log, onChange }), records };
};

const left = async () => (await readdir(root)).sort();

describe("a kept directory", () => {
  test("has a state that its job has moved, and the link to it", async () => {
    const { files } = await keptJob("job_a");
    const moved = join(files.work, "state", "moved.tfstate");
    await write(moved);
    await rm(files.stateFile, { force: true });
    await symlink("moved.tfstate", files.stateFile);
    await slimJob(files, "");
    expect([await readlink(files.stateFile), existsSync(moved)]).toEqual(["moved.tfstate", true]);
  });

  test("has states, plan, logs and journal, and nothing that can be had again", async () => {
    const { files } = await keptJob("job_a");
    const work = (...path: string[]) => join(files.work, ...path);
    const kept = [
      ...[files.spec, files.journal, files.spool, files.planFile, join(files.raw, "apply.out")],
      ...[join(files.states, "1.tfstate"), work("config", "env", "errored.tfstate")],
      ...[work("config", "env", "terraform.tfstate"), work("config", "env", "terraform.tfstate.backup")],
      ...[files.stateFile, work("state", "terraform.tfstate.backup")],
    ];
    const reproducible = [
      ...[files.configurationArchive, files.initialState, files.sharedStates, join(files.root, "engine", "terraform")],
      ...[work("home", ".terraform.d", "x"), work("tmp", "x"), work("variables", "x.tfvars")],
      ...[work("config", "main.tf"), work("config", ".terraform", "modules", "m", "main.tf")],
      ...[work("config", "env", ".terraform", "providers", "p"), work("config", "env", "secret.auto.tfvars")],
      ...[work("config", "other", "terraform.tfstate"), work("state", "other.tfstate")],
    ];
    for (const path of [...kept, ...reproducible]) await write(path);
    await symlink("/etc", work("config", "env", "etc"));
    await slimJob(files, "env");
    expect(kept.filter((path) => !existsSync(path))).toEqual([]);
    expect(reproducible.filter((path) => existsSync(path))).toEqual([]);
    expect(existsSync("/etc/passwd")).toBe(true);
    expect(await readdir(work("config"))).toEqual(["env"]);
  });

  test("is made small where directories are links, and nothing outside of it is touched", async () => {
    const { files } = await keptJob("job_a");
    const outside = join(root, "outside");
    await write(join(outside, "file"));
    await write(join(files.work, "config", "real", "terraform.tfstate"));
    await symlink("real", join(files.work, "config", "env"));
    await symlink(outside, join(files.work, "config", "far"));
    await slimJob(files, "env");
    expect(existsSync(join(files.work, "config", "real", "terraform.tfstate"))).toBe(true);
    expect(existsSync(join(outside, "file"))).toBe(true);
  });

  test("is made small although its directories may not be written to", async () => {
    const { files } = await keptJob("job_a");
    const providers = join(files.work, "config", ".terraform", "providers");
    for (const path of [providers, join(files.work, "config")]) await chmod(path, 0o555);
    await slimJob(files, "");
    expect(await readdir(join(files.work, "config"))).toEqual(["terraform.tfstate"]);
  });

  const isRoot = process.getuid?.() === 0;
  test.skipIf(!isRoot)(
    "is made small, and removed, by an ordinary user whose job has locked its directories",
    async () => {
      const { files } = await keptJob("job_a");
      await execa("chown", ["-R", "65534:65534", root]);
      const locked = [join(files.work, "config", ".terraform", "providers"), join(files.work, "config"), files.work];
      for (const path of locked) await chmod(path, 0o000);
      const source = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
      const script = `
      const { slimJob } = await import(${source("./slim-job.ts")});
      const { jobFilesAt } = await import(${source("./files.ts")});
      const { removeTree } = await import(${source("../disk/durable-files.ts")});
      const { readdirSync, existsSync } = await import("node:fs");
      await slimJob(jobFilesAt(${JSON.stringify(files.root)}), "");
      console.log(readdirSync(${JSON.stringify(join(files.work, "config"))}).join());
      await removeTree(${JSON.stringify(files.root)});
      console.log(existsSync(${JSON.stringify(files.root)}));`;
      const argv = ["--input-type=module", "--eval", script];
      const { stdout } = await execa(process.execPath, argv, { uid: 65_534, gid: 65_534 });
      expect(stdout).toBe("terraform.tfstate\nfalse");
    },
  );

  test("is told with its size, without what was removed", async () => {
    const { kept } = open();
    await kept.keep([await keptJob("job_a")]);
    const [told] = kept.told();
    expect(told).toMatchObject({ runId: "run_1", workspace: "net", reason: "nobody took the state" });
    expect(told?.path).toBe(join(root, "job_a-1"));
    expect(Number(told?.sizeBytes)).toBeLessThan(200_000);
    expect(kept.totals).toEqual({ count: 1, bytes: Number(told?.sizeBytes) });
  });

  test("is told newest first, the first hundred", async () => {
    const { kept } = open();
    const base = clock.now().getTime();
    const jobs = await Promise.all(
      Array.from({ length: 102 }, (_, index) => keptJob(`job_${index}`, { keptAt: new Date(base + index) })),
    );
    await kept.keep(jobs);
    expect(kept.told()).toHaveLength(100);
    expect(kept.told()[0]?.claim?.jobId).toBe("job_101");
  });
});

describe("kept directories are bounded", () => {
  test("one that is too old goes, whatever is in it", async () => {
    const { kept } = open({ ageMs: 2 * hour, bytes: 0 });
    await kept.keep([await keptJob("job_old", { keptAt: new Date(clock.now().getTime() - 2 * hour) })]);
    await kept.keep([await keptJob("job_new")]);
    expect(await left()).toEqual(["job_new-1"]);
    await clock.advance(3 * hour);
    kept.tidy();
    await kept[Symbol.asyncDispose]();
    expect(await left()).toEqual([]);
    expect(kept.told()).toEqual([]);
  });

  test("when they are too large the oldest goes first, and those with a state after all others", async () => {
    const { kept, records } = open({ ageMs: 0, bytes: 1 });
    const ago = (hours: number) => new Date(clock.now().getTime() - hours * hour);
    await kept.keep([
      await keptJob("job_state_old", { keptAt: ago(50) }),
      await keptJob("job_state_new", { keptAt: ago(5) }),
      await keptJob("job_plain", { keptAt: ago(1), hasState: false }),
    ]);
    const removed = records.filter(({ msg }) => msg === "kept job directory removed").map(({ directory }) => directory);
    expect(removed).toEqual([join(root, "job_plain-1"), join(root, "job_state_old-1")]);
  });

  test("a state that nobody else has stays for a day although they are too large, and the agent warns once", async () => {
    const { kept, records } = open({ ageMs: 0, bytes: 1 });
    await kept.keep([await keptJob("job_a")]);
    kept.tidy();
    await kept[Symbol.asyncDispose]();
    expect(await left()).toEqual(["job_a-1"]);
    expect(records.filter(({ msg }) => String(msg).includes("more room than they may"))).toHaveLength(1);
    await clock.advance(25 * hour);
    kept.tidy();
    await kept[Symbol.asyncDispose]();
    expect(await left()).toEqual([]);
  });

  test("no more goes than has to", async () => {
    const { kept: measured } = open();
    await measured.keep([await keptJob("job_measure")]);
    const one = measured.totals.bytes;
    await rm(join(root, "job_measure-1"), { recursive: true });
    const { kept } = open({ ageMs: 0, bytes: 2 * one });
    const jobs = ["a", "b", "c"].map((name, index) =>
      keptJob(`job_${name}`, { hasState: false, keptAt: new Date(clock.now().getTime() + index) }),
    );
    await kept.keep(await Promise.all(jobs));
    expect(await left()).toEqual(["job_b-1", "job_c-1"]);
  });
});

describe("kept directories are removed on demand", () => {
  test("those that are named, and nothing that is not kept", async () => {
    let changes = 0;
    const { kept } = open(roomy, () => {
      changes += 1;
    });
    await kept.keep([await keptJob("job_a"), await keptJob("job_b")]);
    await keptJob("job_live");
    const before = changes;
    kept.remove([newClaim("job_a", 1n), newClaim("job_live", 1n), newClaim("../outside", 1n), newClaim("job_b", 2n)]);
    await kept[Symbol.asyncDispose]();
    expect(await left()).toEqual(["job_b-1", "job_live-1"]);
    expect(changes).toBe(before + 1);
  });
});
