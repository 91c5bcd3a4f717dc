import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkModuleManifest } from "./module-manifest.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-modules-"));
  await mkdir(join(dir, ".terraform/modules"), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const file = () => join(dir, ".terraform/modules/modules.json");

async function after(text: string): Promise<unknown> {
  await writeFile(file(), text);
  await checkModuleManifest(dir);
  return readFile(file(), "utf8").then(JSON.parse, () => "gone");
}

const remote = { Key: "a", Source: "registry.terraform.io/x/y/z", Version: "1.0.0", Dir: ".terraform/modules/a/sub" };
const root = { Key: "", Source: "", Dir: "." };

test("a module from elsewhere is believed; the root and paths are not", async () => {
  const paths = ["./child", "../child", ".", "..", ".\\child"].map((Source, i) => ({
    Key: `p${i}`,
    Source,
    Dir: "other",
  }));
  expect(await after(JSON.stringify({ Modules: [root, remote, ...paths] }))).toEqual({ Modules: [remote] });
});

test.each(["../x", "/etc", "evil", ".terraform/modules", ".terraform/modules/../../x", ".terraform\\modules\\a"])(
  "no module is taken from the directory %s",
  async (Dir) => expect(await after(JSON.stringify({ Modules: [{ ...remote, Dir }] }))).toEqual({ Modules: [] }),
);

test("keys of another case are read as terraform reads them, and nothing else is kept", async () => {
  const text =
    '{"Modules": [{"key": "c", "SOURCE": "./child", "dir": "other"}, {"Key": "r", "source": "git::x", "Dir": ".terraform/modules/r", "more": 1}]}';
  expect(await after(text)).toEqual({ Modules: [{ Key: "r", Source: "git::x", Dir: ".terraform/modules/r" }] });
});

test.each(["", "[]", "{}", '{"Modules": {}}', '{"Modules": [], "Modules": []}'])(
  "what is no list goes: %s",
  async (text) => expect(await after(text)).toBe("gone"),
);

test("a link goes, and what it leads to is not touched", async () => {
  await writeFile(join(dir, "elsewhere"), JSON.stringify({ Modules: [remote] }));
  await symlink(join(dir, "elsewhere"), file());
  await checkModuleManifest(dir);
  expect(await readdir(join(dir, ".terraform/modules"))).toEqual([]);
  expect(await readFile(join(dir, "elsewhere"), "utf8")).toContain("registry");
});

test("where none was uploaded, nothing is made", async () => {
  await checkModuleManifest(dir);
  expect(await readdir(join(dir, ".terraform/modules"))).toEqual([]);
});
