import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findEngine } from "./engine.ts";
import { describeWithTerraform, terraformPath } from "./testing.ts";
import { parseVersionConstraint } from "./version-constraint.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-engine-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function program(path: string, version: string): Promise<string> {
  const file = join(dir, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho asked >> ${dir}/asked\necho '{"terraform_version":"${version}"}'\n`);
  await chmod(file, 0o755);
  return file;
}

const timesAsked = async (): Promise<number> => (await readFile(join(dir, "asked"), "utf8")).trim().split("\n").length;

const request = (versionConstraint: string) =>
  ({ engine: "terraform", versionConstraint, path: `${dir}/a:${dir}/b:${dir}/missing` }) as const;

describe("finding an engine", () => {
  test("takes the first on the path whose version fits", async () => {
    const old = await program("a/terraform", "1.5.7");
    const current = await program("b/terraform", "1.11.4");
    expect(await findEngine(request(""))).toEqual({ kind: "found", file: old, version: "1.5.7" });
    expect(await findEngine(request("~> 1.11"))).toEqual({ kind: "found", file: current, version: "1.11.4" });
  });

  test("says which versions there are when none fits", async () => {
    await program("a/terraform", "1.5.7");
    const found = await findEngine(request(">= 2.0"));
    expect(found).toMatchObject({
      kind: "wrong-version",
      found: "1.5.7",
      message: expect.stringMatching(/asks for terraform >= 2.0, this agent has 1.5.7 \(.*a\/terraform\).*install/),
    });
  });

  test("says where it looked when there is none", async () => {
    await mkdir(join(dir, "a/terraform"), { recursive: true });
    const found = await findEngine({ ...request("1.11.4"), engine: "tofu" });
    expect(found).toMatchObject({
      kind: "missing",
      message: expect.stringMatching(/tofu was not found.*\/a,.*\/b,.*Install tofu/),
    });
    const chosen = await findEngine({ ...request(""), enginePath: join(dir, "nope") });
    expect(chosen).toMatchObject({ kind: "missing", message: expect.stringMatching(/nope is not a program/) });
  });

  test("asks a program once, and again when it changes; links to one program are one", async () => {
    const file = await program("a/terraform", "1.5.7");
    await mkdir(join(dir, "b"));
    await symlink(file, join(dir, "b/terraform"));
    await findEngine(request("9.9.9"));
    await findEngine(request(""));
    expect(await timesAsked()).toBe(1);
    await utimes(file, 1, 1);
    await findEngine(request(""));
    expect(await timesAsked()).toBe(2);
  });

  test("a program that fails, or prints nonsense, is named", async () => {
    await program("a/terraform", '"');
    await writeFile(join(dir, "broken"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
    expect(await findEngine(request(""))).toMatchObject({
      kind: "missing",
      message: expect.stringContaining("does not say its version"),
    });
    const broken = await findEngine({ ...request(""), enginePath: join(dir, "broken") });
    expect(broken).toMatchObject({ kind: "missing", message: expect.stringMatching(/broken cannot be run/) });
  });

  test("a constraint that cannot be read is explained", async () => {
    expect(await findEngine(request("latest"))).toMatchObject({
      kind: "missing",
      message: expect.stringContaining('"latest" is not a version constraint'),
    });
  });
});

describe("constraints read as terraform reads them", () => {
  test.each([
    ["1.11.4", ["1.11.4"], ["1.11.5", "1.11.4-rc1"]],
    ["= 1.11", ["1.11.0"], ["1.11.1"]],
    ["~> 1.11", ["1.11.0", "1.12.3"], ["1.10.9", "2.0.0", "1.12.0-beta1"]],
    ["~> 1.11.2", ["1.11.2", "1.11.9"], ["1.11.1", "1.12.0"]],
    ["~> 1", ["1.0.0", "1.9.0", "2.0.0"], ["0.9.0"]],
    [">= 1.5, < 2.0", ["1.5.0", "1.99.0"], ["1.4.9", "2.0.0"]],
    ["!= 1.11.4, > 1.11", ["1.11.3"], ["1.11.4", "1.11.0"]],
    ["<=1.5.0", ["1.5.0"], ["1.5.1"]],
    [">= 1.12.0-beta1", ["1.12.0-beta2", "1.12.0"], ["1.13.0-beta1"]],
    ["", ["0.1.0", "3.0.0-x"], []],
    ["v1.2.3", ["1.2.3"], []],
  ])("%j", (text, allowed, refused) => {
    const constraint = parseVersionConstraint(text);
    expect(allowed.filter((version) => !constraint?.allows(version))).toEqual([]);
    expect(refused.filter((version) => constraint?.allows(version))).toEqual([]);
  });

  test.each(["latest", "1.x", ">", "1.2.3.4", "1.2,,", "^1.2", "1 2"])("%j cannot be read", (text) => {
    expect(parseVersionConstraint(text)).toBeUndefined();
  });
});

describeWithTerraform("real terraform", () => {
  test("says its version", async () => {
    const found = await findEngine({ engine: "terraform", versionConstraint: ">= 1.0", path: dirname(terraformPath) });
    expect(found).toMatchObject({ kind: "found", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });
});
