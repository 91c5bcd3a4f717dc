import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeWithTerraform, describeWithTofu, terraformPath, tofuPath } from "../../../test/support/terraform.ts";
import { parseVersionConstraint } from "../../lib/words/version-constraint.ts";
import { findEngine } from "./engine.ts";

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
    const chosen = await findEngine({ ...request(""), enginePaths: [join(dir, "nope")] });
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

  /** A program that is something whatever it is called, and says it as the real ones do. */
  async function real(path: string, engine: "terraform" | "tofu", version: string): Promise<string> {
    const file = join(dir, path);
    await mkdir(dirname(file), { recursive: true });
    const json = { terraform_version: version, platform: "linux_amd64", provider_selections: {} };
    const answer = JSON.stringify(engine === "terraform" ? { ...json, terraform_outdated: false } : json);
    const words = `${engine === "tofu" ? "OpenTofu" : "Terraform"} v${version}`;
    await writeFile(file, `#!/bin/sh\n[ "$2" = -json ] && echo '${answer}' || echo '${words}'\n`, { mode: 0o755 });
    return file;
  }

  test("a program is what it says, not what it is called", async () => {
    const liar = await real("a/terraform", "tofu", "1.12.6");
    expect(await findEngine({ ...request(""), engine: "tofu" })).toMatchObject({ kind: "found", file: liar });
    expect(await findEngine(request(""))).toMatchObject({
      kind: "missing",
      message: expect.stringMatching(/terraform does not work.*a\/terraform is tofu 1.12.6/),
    });
    const honest = await real("b/terraform", "terraform", "1.11.4");
    expect(await findEngine(request(""))).toMatchObject({ kind: "found", file: honest, version: "1.11.4" });
    await real("a/tofu", "terraform", "1.10.0");
    expect(await findEngine({ ...request(""), engine: "tofu" })).toMatchObject({ kind: "found", file: liar });
  });

  test("a chosen program is used for its own engine only, and the path searched for the other", async () => {
    const tofu = await real("opt/program", "tofu", "1.12.6");
    const terraform = await real("b/terraform", "terraform", "1.11.4");
    const chosen = { ...request(""), enginePaths: [tofu] };
    expect(await findEngine({ ...chosen, engine: "tofu" })).toMatchObject({ file: tofu });
    expect(await findEngine(chosen)).toMatchObject({ file: terraform });
    const other = await real("opt/terraform", "terraform", "1.10.0");
    expect(await findEngine({ ...chosen, enginePaths: [tofu, other] })).toMatchObject({ file: other });
    expect(await findEngine({ ...chosen, enginePaths: [tofu, other], versionConstraint: "1.11.4" })).toMatchObject({
      kind: "wrong-version",
    });
    const gone = await findEngine({ ...request(""), enginePaths: [join(dir, "opt/gone-tofu")] });
    expect(gone).toMatchObject({ kind: "found", file: terraform });
  });

  test("who has only the other one is told so", async () => {
    await real("a/tofu", "tofu", "1.12.6");
    expect(await findEngine(request(""))).toMatchObject({
      kind: "missing",
      message: expect.stringMatching(
        /terraform was not found.*It has tofu 1.12.6: `windlass workspace edit NAME --engine tofu`/,
      ),
    });
  });

  test("a program that fails, or prints nonsense, is named", async () => {
    await program("a/terraform", '"');
    await writeFile(join(dir, "broken"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
    expect(await findEngine(request(""))).toMatchObject({
      kind: "missing",
      message: expect.stringContaining("does not say its version"),
    });
    const broken = await findEngine({ ...request(""), enginePaths: [join(dir, "broken")] });
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

describeWithTofu("real tofu", () => {
  test("is found out under the name of the other one", async () => {
    const link = join(dir, "terraform");
    await symlink(tofuPath, link);
    const found = await findEngine({ engine: "tofu", versionConstraint: ">= 1.6", path: dir });
    expect(found).toMatchObject({ kind: "found", version: expect.stringMatching(/^1\.\d+\.\d+/) });
    expect(await findEngine({ engine: "terraform", versionConstraint: "", path: dir })).toMatchObject({
      kind: "missing",
    });
  });
});

describeWithTerraform("real terraform", () => {
  test("says its version", async () => {
    const found = await findEngine({ engine: "terraform", versionConstraint: ">= 1.0", path: dirname(terraformPath) });
    expect(found).toMatchObject({ kind: "found", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });
});
