import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { jobFilesAt } from "../../jobs/files.ts";
import type { Execution } from "../execution.ts";
import { lendState, makeStatePlace, stateArgument, stateFileOf, takeStateBack } from "./state-place.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-state-place-"));
  await mkdir(join(dir, "config"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function placed(isStateOutside: boolean | undefined, workspace?: string) {
  const parts = {
    job: { files: jobFilesAt(dir) },
    ready: isStateOutside === undefined ? {} : { isStateOutside, workspace },
    place: { directory: join(dir, "config"), seen: (path: string) => `seen:${path}` },
  };
  return parts as unknown as Pick<Execution, "job" | "ready" | "place">;
}

test("the state of a job that an older agent has prepared stays where that agent put it", async () => {
  const old = placed(undefined);
  expect(stateFileOf(old)).toBe(join(dir, "config", "terraform.tfstate"));
  expect(stateArgument(old)).toBeUndefined();
  await writeFile(stateFileOf(old), "the state");
  await lendState(old);
  await takeStateBack(old);
  expect(await readFile(stateFileOf(old), "utf8")).toBe("the state");
});

test("init sees the state in the configuration, and nobody after it, however often it begins", async () => {
  const job = placed(true);
  await writeFile(join(dir, "given"), "the state");
  await makeStatePlace(stateFileOf(job), join(dir, "given"));
  expect(stateArgument(job)).toBe(`seen:${stateFileOf(job)}`);
  const lent = join(dir, "config", "terraform.tfstate");
  for (const _time of [1, 2]) await lendState(job);
  expect(await readFile(lent, "utf8")).toBe("the state");
  for (const _time of [1, 2]) await takeStateBack(job);
  expect(existsSync(lent)).toBe(false);
  expect(await readFile(stateFileOf(job), "utf8")).toBe("the state");
});

test("init sees the state of a workspace with a name, whatever lay there before", async () => {
  const job = placed(true, "prod-eu");
  await writeFile(join(dir, "given"), "the state");
  await makeStatePlace(stateFileOf(job), join(dir, "given"));
  await symlink(dir, join(dir, "config", "terraform.tfstate.d"));
  for (const _time of [1, 2]) await lendState(job);
  const lent = join(dir, "config", "terraform.tfstate.d", "prod-eu", "terraform.tfstate");
  expect(await readFile(lent, "utf8")).toBe("the state");
  expect(await readdir(dir)).not.toContain("prod-eu");
  await takeStateBack(job);
  expect(await readdir(join(dir, "config"))).toEqual([]);
});

test("a job without a state lends none", async () => {
  const job = placed(true);
  await makeStatePlace(stateFileOf(job), undefined);
  await lendState(job);
  expect(existsSync(join(dir, "config", "terraform.tfstate"))).toBe(false);
});
