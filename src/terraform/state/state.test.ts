import { appendFile, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findEmergencyState } from "./emergency-state.ts";
import { readStateFile, stateNeedsInit } from "./state.ts";

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

  test("needs an init for the sake of its objects only when a provider of one has to be installed", async () => {
    const own = 'provider["terraform.io/builtin/terraform"]';
    const withProviders = (...providers: readonly string[]) =>
      Buffer.from(state(1, { resources: providers.map((provider) => ({ provider, instances: [nested] })) }));
    const nested = { attributes: { provider: "x" } };
    expect(await stateNeedsInit(withProviders())).toBe(false);
    expect(await stateNeedsInit(withProviders(own, `module.m.${own}`))).toBe(false);
    const other = 'module.m.provider["registry.terraform.io/hashicorp/aws"]';
    expect(await stateNeedsInit(withProviders(own, other))).toBe(true);
    const ofInstances = { resources: [{ instances: [nested, { provider: `${other}.by["eu"]` }] }] };
    expect(await stateNeedsInit(Buffer.from(state(1, ofInstances)))).toBe(true);
  });
});

describe("a state that a job made up", () => {
  const mebibyte = 1024 * 1024;
  const hostile = (bytes: number) => state(3).replace('"outputs"', `"x": [${"{},".repeat(bytes / 3)}{}], "outputs"`);

  test("is read while everything else goes on, and never built in memory", async () => {
    await writeFile(file(), hostile(24 * mebibyte));
    const parse = vi.spyOn(JSON, "parse");
    let turns = 0;
    let timer = setImmediate(function count() {
      turns += 1;
      timer = setImmediate(count);
    });
    try {
      expect(await readStateFile(file())).toMatchObject({ kind: "valid", serial: 3, lineage });
    } finally {
      clearImmediate(timer);
    }
    expect(turns).toBeGreaterThan(90);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  test.each([
    ["as deep as terraform reads", 9_999, "valid"],
    ["deeper than terraform reads", 10_000, "refused"],
  ])("nested %s", async (_, depth, kind) => {
    await writeFile(file(), state(3).replace('"outputs"', `"x": ${"[".repeat(depth)}${"]".repeat(depth)}, "outputs"`));
    expect((await readStateFile(file())).kind).toBe(kind);
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

describe("an output that a job has made endless", () => {
  const dump = `{"@level":"info","@message":"Emergency state dump","state":{"serial":12},"type":"log"}`;

  test("is searched from its end, and of its lines only a state is kept", async () => {
    const path = join(dir, "out");
    await writeFile(path, "x");
    await truncate(path, 60 * 1024 ** 3);
    await appendFile(path, `\n{"@message":"x"}\n${dump}\n`);
    const before = process.memoryUsage().arrayBuffers;
    expect((await findEmergencyState(path))?.toString()).toBe('{"serial":12}');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  test("holds no state in a line that is longer than a state may be", async () => {
    const path = join(dir, "out");
    await writeFile(path, dump.slice(0, 80));
    await truncate(path, 300 * 1024 ** 2);
    await appendFile(path, `${dump.slice(80)}\n`);
    expect(await findEmergencyState(path)).toBeUndefined();
  });

  test("may be no file at all", async () => {
    await symlink("/dev/zero", join(dir, "link"));
    expect(await findEmergencyState(join(dir, "link"))).toBeUndefined();
    expect(await findEmergencyState("/dev/zero")).toBeUndefined();
  });
});
