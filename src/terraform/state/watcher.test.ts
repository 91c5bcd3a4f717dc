import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { describeWithTerraform, sandbox, terraformPath } from "../../../test/support/terraform.ts";
import { systemClock } from "../../lib/clock.ts";
import type { StateSnapshot } from "./spool.ts";
import { type ApplyEnd, StateWatcher, type StateWatcherOptions } from "./watcher.ts";

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

const shaOf = (text: string): string => createHash("sha256").update(text).digest("hex");
const given = (serial: number, added: object = {}) => ({ lineage, serial, sha256: shaOf(state(serial, added)) });
const other = { outputs: { a: { value: 1, type: "number" } } };
const well: ApplyEnd = { isSuccess: true };
const badly: ApplyEnd = { isSuccess: false };

describe("watching a state file", () => {
  const seen: StateSnapshot[] = [];
  const open = (options: Partial<StateWatcherOptions> = {}) =>
    StateWatcher.open({
      file: file(),
      erroredFile: join(dirname(file()), "errored.tfstate"),
      spoolDir: join(dir, "spool"),
      given: undefined,
      clock: systemClock,
      onSnapshot: (snapshot) => void seen.push(snapshot),
      ...options,
    });
  /** Terraform writes, and the watcher has seen it. */
  const write = async (text: string) => {
    await writeFile(file(), text);
    await vi.waitFor(() => expect(seen.at(-1)?.sha256).toBe(shaOf(text)), { timeout: 5000, interval: 2 });
  };
  const serials = () => seen.map(({ serial }) => serial);
  const spooled = async () => (await readdir(join(dir, "spool"))).sort();
  const contentOf = async (snapshot: StateSnapshot | undefined) => readFile(snapshot?.file ?? "nothing", "utf8");

  beforeEach(() => void seen.splice(0));

  test("keeps every valid state of the lineage that is no older than the given one, and ignores the rest", async () => {
    await writeFile(file(), state(3));
    await using watcher = await open({ given: given(3) });
    await write(state(4));
    for (const text of ["", state(9).slice(0, -5), state(2), state(8, { lineage: "other" })])
      await writeFile(file(), text);
    await write(state(5));
    await truncate(file());
    const final = await watcher.settle(badly);
    expect(final).toMatchObject({ newest: { serial: 5, lineage }, file: "empty", loss: "it is empty", aside: [] });
    expect(serials()).toEqual([4, 5]);
    expect(await contentOf(final.newest)).toBe(state(5));
  });

  test("counts them in the order in which they were written, whatever their serials are", async () => {
    await writeFile(file(), state(3));
    await using watcher = await open({ given: given(3) });
    for (const text of [state(5), state(5, other), state(4), state(5), state(3)]) await write(text);
    expect(seen.map(({ sequence, serial }) => [sequence, serial])).toEqual([
      [1, 5],
      [2, 5],
      [3, 4],
      [4, 5],
      [5, 3],
    ]);
    const { newest, loss } = await watcher.settle(well);
    expect({ newest, loss }).toMatchObject({ newest: { sequence: 5, serial: 3 }, loss: undefined });
    expect(await contentOf(newest)).toBe(state(3));
  });

  test("keeps a few, the newest always, and fewer once they are acknowledged", async () => {
    await using watcher = await open();
    for (const text of [state(1), state(2), state(2, other), state(3), state(3, other)]) await write(text);
    const last = ["state-3.tfstate", "state-4.tfstate", "state-5.tfstate"];
    await vi.waitFor(async () => expect(await spooled()).toEqual(last));
    const newest = watcher.latest;
    if (newest === undefined) throw new Error("there is a snapshot");
    await watcher.acknowledge(newest);
    expect(await spooled()).toEqual(["state-5.tfstate"]);
  });

  test("an unchanged state is no snapshot, and no loss", async () => {
    await writeFile(file(), state(3));
    await using watcher = await open({ given: given(3) });
    expect(await watcher.settle(well)).toEqual({ newest: undefined, file: "valid", loss: undefined, aside: [] });
  });

  test("the serial of the given state under another content is the state", async () => {
    await writeFile(file(), state(3));
    await using watcher = await open({ given: given(3) });
    await writeFile(file(), state(3, { terraform_version: "1.12.0" }));
    const { newest, loss } = await watcher.settle(well);
    expect({ newest, loss }).toMatchObject({ newest: { serial: 3, terraformVersion: "1.12.0" }, loss: undefined });
  });

  test("a restarted agent goes on from the spool and counts on", async () => {
    {
      await using watcher = await open({ given: given(3) });
      await write(state(6));
      expect(watcher.latest?.sequence).toBe(1);
    }
    await writeFile(join(dir, "spool", "state-2.tfstate.partial"), state(7).slice(0, 30));
    await writeFile(file(), state(6, other));
    await using watcher = await open({ given: given(3) });
    expect(await watcher.settle(well)).toMatchObject({ newest: { sequence: 2, serial: 6 }, loss: undefined });
    expect(await spooled()).toEqual(["state-1.tfstate", "state-2.tfstate"]);
  });

  test("the spool of an agent that had only the serial to go by is read", async () => {
    await mkdir(join(dir, "spool"));
    for (const serial of [9, 10]) await writeFile(join(dir, "spool", `${serial}.tfstate`), state(serial));
    await writeFile(file(), "");
    await using watcher = await open({ given: given(3) });
    expect(await watcher.settle(badly)).toMatchObject({ newest: { sequence: 10, serial: 10 }, file: "empty" });
    await writeFile(file(), state(10, other));
    await using next = await open({ given: given(3) });
    expect(await next.settle(well)).toMatchObject({ newest: { sequence: 11, serial: 10 }, loss: undefined });
  });

  test("errored.tfstate and the state that terraform printed count when it could not save its state", async () => {
    await writeFile(file(), state(4).slice(0, 40));
    await writeFile(join(dir, "work", "errored.tfstate"), state(5));
    await using watcher = await open({ given: given(3) });
    const final = await watcher.settle({ isSuccess: false, printed: Buffer.from(state(5, other)) });
    expect(final).toMatchObject({
      newest: { sha256: shaOf(state(5, other)) },
      file: "torn",
      loss: undefined,
      aside: [],
    });
    expect(serials()).toEqual([5]);
  });

  test("a file that the job calls errored.tfstate is nothing when terraform has ended well", async () => {
    await writeFile(file(), state(4));
    await writeFile(join(dir, "work", "errored.tfstate"), state(9));
    await using watcher = await open({ given: given(3) });
    expect(await watcher.settle(well)).toMatchObject({ newest: { serial: 4 }, loss: undefined, aside: [] });
  });

  test.each([
    [
      "of another lineage",
      state(9, { lineage: "forged" }),
      `its lineage is forged, that of the state before it is ${lineage}`,
    ],
    ["older than the given one", state(2), "its serial 2 is lower than 3, that of the state before it"],
  ])("a state %s is a loss and put aside, and what was taken on the way stays", async (_name, text, reason) => {
    await using watcher = await open({ given: given(3) });
    await write(state(4));
    await writeFile(file(), text);
    const { newest, loss, aside } = await watcher.settle(well);
    expect(newest).toMatchObject({ serial: 4 });
    expect(loss).toBe(reason);
    expect(aside).toMatchObject([{ reason, snapshot: { sequence: 0 } }]);
    expect(await contentOf(aside[0]?.snapshot)).toBe(text);
  });

  test("without a state before, the last one is the state whatever the watcher has seen", async () => {
    await using watcher = await open();
    await write(state(4));
    await writeFile(file(), state(1, { lineage: "new" }));
    expect(await watcher.settle(well)).toMatchObject({
      newest: { lineage: "new", serial: 1 },
      loss: undefined,
      aside: [],
    });
  });

  test("a state that is gone is a loss; one that never was is none", async () => {
    await using nothing = await open();
    expect(await nothing.settle(well)).toMatchObject({ loss: undefined });
    await using removed = await open({ given: given(3) });
    expect(await removed.settle(well)).toMatchObject({ loss: "it is gone" });
  });

  test("a link in place of the state is never read", async () => {
    await writeFile(join(dir, "elsewhere"), state(9));
    await symlink(join(dir, "elsewhere"), file());
    await using watcher = await open();
    expect(await watcher.settle(well)).toMatchObject({ newest: undefined, file: "refused", loss: "it is a link" });
  });

  test("a spool that cannot be written is told, tried again, and fails the end", async () => {
    const problems: unknown[] = [];
    await using watcher = await open({ onProblem: (error) => void problems.push(error) });
    await rm(join(dir, "spool"), { recursive: true });
    await writeFile(file(), state(1));
    await vi.waitFor(() => expect(problems.length).toBeGreaterThan(0), 5000);
    await expect(watcher.settle(well)).rejects.toThrow(/ENOENT/);
  });
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
      erroredFile: box.path("errored.tfstate"),
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
    const { newest } = await watcher.settle(badly);
    const completed = output.split('"type":"apply_complete"').length - 1;
    const { resources } = JSON.parse(await readFile(newest?.file ?? "", "utf8")) as {
      resources: readonly { readonly instances: readonly unknown[] }[];
    };
    expect(resources.flatMap(({ instances }) => instances).length).toBeGreaterThan(completed - 25);
  });

  test("a finished apply leaves its last state", async () => {
    await using box = await sandbox({ "main.tf": configuration.replace("400", "20") });
    await using watcher = await StateWatcher.open({
      file: box.path("terraform.tfstate"),
      erroredFile: box.path("errored.tfstate"),
      spoolDir: join(dir, "spool"),
      given: undefined,
      clock: systemClock,
      onSnapshot: () => {},
    });
    await box.terraform("apply", "-auto-approve");
    const { newest, file: kind } = await watcher.settle(well);
    expect(kind).toBe("valid");
    expect(await readFile(newest?.file ?? "")).toEqual(await readFile(box.path("terraform.tfstate")));
    expect(newest).toMatchObject({ serial: 21, terraformVersion: expect.stringMatching(/^1\./) });
  });
});
