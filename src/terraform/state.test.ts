import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { findEmergencyState } from "./emergency-state.ts";
import { outputsOf, readStateFile, resourcesOf, stateNeedsInit } from "./state.ts";
import type { StateSnapshot } from "./state-spool.ts";
import { StateWatcher, type StateWatcherOptions } from "./state-watcher.ts";
import { describeWithTerraform, sandbox, terraformPath } from "./testing.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-state-"));
  await mkdir(join(dir, "work"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const lineage = "0d6e1a4e-1111-2222-3333-444455556666";
const state = (serial: number, added: object = {}): string =>
  `${JSON.stringify({ version: 4, terraform_version: "1.11.4", serial, lineage, outputs: {}, resources: [], ...added }, null, 2)}\n`;
const file = () => join(dir, "work", "terraform.tfstate");

describe("reading a state file", () => {
  test.each([
    ["a state", state(7), "valid"],
    [
      "a state that OpenTofu encrypted",
      JSON.stringify({ serial: 1, lineage, meta: {}, encrypted_data: "x", encryption_version: "v0" }),
      "valid",
    ],
    ["nothing", "", "empty"],
    ["blanks", " \n", "empty"],
    ["half a state", state(7).slice(0, -20), "torn"],
    ["another format", state(7, { version: 3 }), "refused"],
    ["no lineage", state(7, { lineage: "" }), "refused"],
    ["a broken serial", state(7, { serial: 1.5 }), "refused"],
    ["other JSON", "[1]", "refused"],
  ])("%s", async (_, text, kind) => {
    await writeFile(file(), text);
    expect((await readStateFile(file())).kind).toBe(kind);
  });

  test("a missing file, a link, a directory, a pipe's worth of zeros and a large file", async () => {
    expect(await readStateFile(file())).toEqual({ kind: "missing" });
    await symlink("/etc/passwd", join(dir, "link"));
    expect(await readStateFile(join(dir, "link"))).toEqual({ kind: "refused", why: "it is a link" });
    expect(await readStateFile(dir)).toMatchObject({ kind: "refused" });
    expect(await readStateFile("/dev/zero")).toMatchObject({ kind: "refused" });
    await writeFile(file(), state(1));
    expect(await readStateFile(file(), { maxBytes: 10 })).toEqual({
      kind: "refused",
      why: "it is larger than 10 bytes",
    });
  });

  test("a file outside of the job's directory is refused, even when a link on the way leads there", async () => {
    for (const name of ["job", "other"]) await mkdir(join(dir, name));
    await writeFile(join(dir, "other", "terraform.tfstate"), state(1));
    await symlink(join(dir, "other"), join(dir, "job", "config"));
    const within = join(dir, "job");
    expect(await readStateFile(join(within, "config", "terraform.tfstate"), { within })).toMatchObject({
      kind: "refused",
      why: "it lies outside of the job's directory",
    });
    await writeFile(join(within, "terraform.tfstate"), state(2));
    expect(await readStateFile(join(within, "terraform.tfstate"), { within })).toMatchObject({ serial: 2 });
  });

  test("what is in it", () => {
    const resources = [
      {
        mode: "managed",
        type: "terraform_data",
        name: "a",
        provider: 'provider["terraform.io/builtin/terraform"]',
        instances: [{}, {}],
      },
      {
        mode: "data",
        type: "terraform_remote_state",
        name: "b",
        provider: 'provider["terraform.io/builtin/terraform"]',
        instances: [{}],
      },
    ];
    const content = Buffer.from(
      state(1, {
        resources,
        outputs: { z: { value: 1, type: "number" }, a: { value: "s", type: "string", sensitive: true } },
      }),
    );
    expect(resourcesOf(content)).toBe(2);
    expect(stateNeedsInit(content)).toBe(false);
    expect(
      stateNeedsInit(
        Buffer.from(
          state(1, { resources: [{ provider: 'module.m.provider["registry.terraform.io/hashicorp/aws"]' }] }),
        ),
      ),
    ).toBe(true);
    expect(outputsOf(content)).toEqual([
      { name: "a", sensitive: true, type: "string", value: "s" },
      { name: "z", sensitive: false, type: "number", value: 1 },
    ]);
  });
});

describe("watching a state file", () => {
  const seen: number[] = [];
  const open = (options: Partial<StateWatcherOptions> = {}) =>
    StateWatcher.open({
      file: file(),
      spoolDir: join(dir, "spool"),
      given: undefined,
      clock: systemClock,
      onSnapshot: ({ serial }) => void seen.push(serial),
      ...options,
    });
  const waitFor = (serial: number) => vi.waitFor(() => expect(seen).toContain(serial), { timeout: 5000, interval: 2 });
  const spooled = async () => (await readdir(join(dir, "spool"))).sort();

  beforeEach(() => void seen.splice(0));

  test("keeps every valid newer state of the lineage, and ignores the rest", async () => {
    await writeFile(file(), state(3));
    await using watcher = await open({ given: { lineage, serial: 3 } });
    await writeFile(file(), state(4));
    await waitFor(4);
    for (const text of ["", state(9).slice(0, -5), state(2), state(8, { lineage: "other" })])
      await writeFile(file(), text);
    await writeFile(file(), state(5));
    await waitFor(5);
    await truncate(file());
    const final = await watcher.settle();
    expect(final).toMatchObject({
      newest: { serial: 5, lineage },
      file: "empty",
      loss: "it is empty",
      quarantined: [],
    });
    expect(seen).toEqual([4, 5]);
    expect(await readFile(final.newest?.file ?? "", "utf8")).toBe(state(5));
  });

  test("keeps a few, the newest always, and fewer once they are acknowledged", async () => {
    await using watcher = await open();
    for (let serial = 1; serial <= 5; serial += 1) {
      await writeFile(file(), state(serial));
      await waitFor(serial);
    }
    await vi.waitFor(async () => expect(await spooled()).toEqual(["3.tfstate", "4.tfstate", "5.tfstate"]));
    await watcher.acknowledge(5);
    expect(await spooled()).toEqual(["5.tfstate"]);
  });

  test("an unchanged state is no snapshot", async () => {
    await writeFile(file(), state(3));
    await using watcher = await open({ given: { lineage, serial: 3 } });
    expect(await watcher.settle()).toEqual({ newest: undefined, file: "valid", quarantined: [] });
  });

  test("a restarted agent goes on from the spool", async () => {
    await mkdir(join(dir, "spool"));
    await writeFile(join(dir, "spool", "6.tfstate"), state(6));
    await writeFile(join(dir, "spool", "7.tfstate.partial"), state(7).slice(0, 30));
    await writeFile(file(), "");
    await using watcher = await open({ given: { lineage, serial: 3 } });
    expect(await watcher.settle()).toMatchObject({ newest: { serial: 6 }, file: "empty" });
    expect(await spooled()).toEqual(["6.tfstate"]);
  });

  test("errored.tfstate and the state that terraform printed count when they are newer", async () => {
    await writeFile(file(), state(4).slice(0, 40));
    await writeFile(join(dir, "work", "errored.tfstate"), state(5));
    await using watcher = await open({ given: { lineage, serial: 3 } });
    const final = await watcher.settle(Buffer.from(state(6)));
    expect(final).toMatchObject({ newest: { serial: 6 }, file: "torn", loss: undefined });
    expect(seen).toEqual([5, 6]);
  });

  test("a state of another lineage is put aside, not dropped and not believed", async () => {
    await using watcher = await open({ given: { lineage, serial: 3 } });
    await writeFile(file(), state(9, { lineage: "forged" }));
    const { newest, loss, quarantined } = await watcher.settle();
    expect(newest).toBeUndefined();
    expect(loss).toBe(`it has lineage forged and serial 9, after lineage ${lineage} and serial 3`);
    expect(quarantined).toMatchObject([{ lineage: "forged", serial: 9 }]);
    expect(await readFile(quarantined[0]?.file ?? "", "utf8")).toContain("forged");
  });

  test("another content of the newest serial is put aside too", async () => {
    await using watcher = await open();
    await writeFile(file(), state(4));
    await waitFor(4);
    await writeFile(file(), state(4, { outputs: { a: { value: 1, type: "number" } } }));
    const { newest, loss, quarantined } = await watcher.settle();
    expect(newest).toMatchObject({ serial: 4 });
    expect(loss).toContain("serial 4, after");
    expect(quarantined).toMatchObject([{ lineage, serial: 4 }]);
  });

  test("a state that is gone, or older than before, is a loss; one that never was is none", async () => {
    await using nothing = await open();
    expect(await nothing.settle()).toMatchObject({ loss: undefined });
    await using removed = await open({ given: { lineage, serial: 3 } });
    expect(await removed.settle()).toMatchObject({ loss: "it is gone" });
    await writeFile(file(), state(2));
    await using older = await open({ given: { lineage, serial: 3 } });
    expect(await older.settle()).toMatchObject({ newest: undefined, loss: expect.stringContaining("serial 2, after") });
  });

  test("a link in place of the state is never read", async () => {
    await writeFile(join(dir, "elsewhere"), state(9));
    await symlink(join(dir, "elsewhere"), file());
    await using watcher = await open();
    expect(await watcher.settle()).toMatchObject({ newest: undefined, file: "refused", loss: "it is a link" });
  });

  test("a spool that cannot be written is told, tried again, and fails the end", async () => {
    const problems: unknown[] = [];
    await using watcher = await open({ onProblem: (error) => void problems.push(error) });
    await rm(join(dir, "spool"), { recursive: true });
    await writeFile(file(), state(1));
    await vi.waitFor(() => expect(problems.length).toBeGreaterThan(0), 5000);
    await expect(watcher.settle()).rejects.toThrow(/ENOENT/);
  });
});

test("the state that terraform printed keeps its digits", async () => {
  const printed = `{"version":4,"serial":12,"lineage":"l","outputs":{"n":{"value":123456789012345678901234567890,"text":",\\"type\\":\\"log\\"}"}}}`;
  const dump = `{"@level":"info","@message":"Emergency state dump","@module":"terraform.ui","@timestamp":"2026-01-01T00:00:00Z","state":${printed},"type":"log"}`;
  await writeFile(join(dir, "out"), `{"@message":"x"}\n${"noise\n".repeat(300_000)}${dump}\n{"@message":"y"}\n`);
  expect((await findEmergencyState(join(dir, "out")))?.toString()).toBe(printed);
  await writeFile(join(dir, "torn"), `${dump.slice(0, -30)}`);
  expect(await findEmergencyState(join(dir, "torn"))).toBeUndefined();
});

describeWithTerraform("beside real terraform", () => {
  const configuration = 'resource "terraform_data" "n" {\n  count = 400\n  input = count.index\n}\n';

  test("a kill in the middle of a burst loses next to nothing", async () => {
    await using box = await sandbox({ "main.tf": configuration });
    let latest: StateSnapshot | undefined;
    const onSnapshot = (snapshot: StateSnapshot) => {
      latest = snapshot;
    };
    await box.terraform("plan", "-out=p");
    await using watcher = await StateWatcher.open({
      file: box.path("terraform.tfstate"),
      spoolDir: join(dir, "spool"),
      given: undefined,
      clock: systemClock,
      onSnapshot,
    });
    const child = spawn(terraformPath, ["apply", "-json", "p"], {
      cwd: box.dir,
      env: box.environment,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    await vi.waitFor(() => expect(latest?.serial ?? 0).toBeGreaterThan(60), { timeout: 20_000, interval: 1 });
    child.kill("SIGKILL");
    await once(child, "close");
    const { newest } = await watcher.settle();
    const completed = output.split('"type":"apply_complete"').length - 1;
    expect(resourcesOf(await readFile(newest?.file ?? ""))).toBeGreaterThan(completed - 25);
  });

  test("a finished apply leaves its last state", async () => {
    await using box = await sandbox({ "main.tf": configuration.replace("400", "20") });
    await using watcher = await StateWatcher.open({
      file: box.path("terraform.tfstate"),
      spoolDir: join(dir, "spool"),
      given: undefined,
      clock: systemClock,
      onSnapshot: () => {},
    });
    await box.terraform("apply", "-auto-approve");
    const { newest, file: kind } = await watcher.settle();
    expect(kind).toBe("valid");
    expect(await readFile(newest?.file ?? "")).toEqual(await readFile(box.path("terraform.tfstate")));
    expect(newest).toMatchObject({ serial: 21, terraformVersion: expect.stringMatching(/^1\./) });
  });
});
