import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { jobFilesAt, makeJobDirectories } from "../../jobs/files.ts";
import { applyWords } from "./deposed-keys.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "windlass-deposed-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const destroyed = { address: "t.a", idKey: "id", id: "i" };
const stateWith = (...keys: readonly string[]) => {
  const instances = keys.map((deposed) => ({ deposed, attributes: { id: "i" } }));
  return JSON.stringify({ resources: [{ mode: "managed", type: "t", name: "a", instances }] });
};

async function job(state: string) {
  const files = jobFilesAt(join(root, "job_a-1"));
  await makeJobDirectories(files);
  await mkdir(dirname(files.stateFile), { recursive: true });
  await writeFile(files.stateFile, state);
  const execution = { job: { files }, ready: { isStateOutside: true }, place: {} } as Parameters<typeof applyWords>[0];
  return { files, words: () => applyWords(execution) };
}

test("a key that was told once is told again after a restart, whatever the state says by then", async () => {
  const { files, words } = await job(stateWith("0a1b2c3d"));
  expect((await words()).newlyDeposed(destroyed)).toBe("0a1b2c3d");
  await writeFile(files.stateFile, stateWith("11111111", "22222222"));
  const again = await words();
  expect([destroyed, destroyed].map(again.newlyDeposed)).toEqual(["0a1b2c3d", "11111111"]);
});

test("that none was found is told again, too", async () => {
  const { files, words } = await job("{");
  expect((await words()).newlyDeposed(destroyed)).toBe("");
  await writeFile(files.stateFile, stateWith("0a1b2c3d"));
  expect((await words()).newlyDeposed(destroyed)).toBe("");
});

test("each key is told once, and none that was there before the apply", async () => {
  const { files, words } = await job(stateWith("0a1b2c3d", "11111111"));
  await writeFile(files.initialState, stateWith("0a1b2c3d"));
  const { before, newlyDeposed } = await words();
  expect(before.map(({ key }) => key)).toEqual(["0a1b2c3d"]);
  expect([newlyDeposed(destroyed), newlyDeposed(destroyed)]).toEqual(["11111111", ""]);
});

test("a state that lies elsewhere is not looked into", async () => {
  const { files, words } = await job("{}");
  const elsewhere = join(root, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, "terraform.tfstate"), stateWith("0a1b2c3d"));
  await rm(dirname(files.stateFile), { recursive: true });
  await symlink(elsewhere, dirname(files.stateFile));
  expect((await words()).newlyDeposed(destroyed)).toBe("");
});

test.each([
  ["too many values", `[${"{},".repeat(600_000)}1]`],
  ["too deep ones", `${"[".repeat(2_000)}${"]".repeat(2_000)}`],
  ["too many bytes", JSON.stringify("x".repeat(17 * 1024 * 1024))],
])("a state of %s is not looked into: other jobs would wait", async (_, costly) => {
  const state = stateWith("0a1b2c3d").replace(/}$/, () => `,"x":${costly}}`);
  const { files, words } = await job(state);
  expect((await words()).newlyDeposed(destroyed)).toBe("");
  await writeFile(files.initialState, state);
  expect((await words()).before).toEqual([]);
});
