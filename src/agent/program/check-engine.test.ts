import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkEngine, engineHere } from "./check-engine.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-check-engine-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A directory with these programs, as a search path. */
async function having(...names: readonly string[]): Promise<string> {
  const bin = join(dir, names.join("-") || "neither");
  await mkdir(bin);
  for (const name of names) {
    await writeFile(join(bin, name), `#!/bin/sh\necho '{"terraform_version":"1.11.4"}'\n`, { mode: 0o755 });
  }
  return bin;
}

test.each([
  [["terraform"], "terraform"],
  [["tofu"], "tofu"],
  [["terraform", "tofu"], "terraform"],
  [[], "terraform"],
] as const)("who has %j starts with %s", async (programs, engine) => {
  expect(await engineHere({ searchPath: await having(...programs) })).toBe(engine);
});

test("a machine with either program is good, and one with neither is told what to do about both", async () => {
  expect(await checkEngine({ searchPath: await having("tofu") })).toMatchObject({
    status: "ok",
    detail: expect.stringMatching(/^tofu 1.11.4 at /),
  });
  const none = await having();
  expect(await checkEngine({ searchPath: none })).toMatchObject({
    status: "warn",
    detail: expect.stringMatching(/terraform was not found.*; tofu was not found/),
    fix: expect.stringContaining("install terraform or tofu"),
  });
  expect(await checkEngine({ searchPath: none, engineDownloads: {} })).toMatchObject({ status: "ok" });
});
