import {
  cp,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { threadsOf } from "../scripts/bundling/threads.ts";
import { programPath } from "./support/programs.ts";

const root = resolve(import.meta.dirname, "..");

describe("the bundle of this checkout", () => {
  test("has a file for each thread that a source file starts", async () => {
    const sources = (await readdir(join(root, "src"), { recursive: true })).filter((path) => path.endsWith(".ts"));
    const threads = await threadsOf(
      root,
      sources.filter((path) => !path.endsWith(".test.ts")).map((path) => join("src", path)),
    );
    expect(Object.keys(threads).sort()).toEqual([
      "agent-plan-plan-digest-thread",
      "control-documents-thread",
      "store-logs-thread",
    ]);
    for (const name of Object.keys(threads))
      expect((await stat(join(root, "dist/current", `${name}.cjs`))).isFile()).toBe(true);
  });

  test("has stacks that name the lines of the source", async () => {
    const env = { HOME: "/nonexistent", WINDLASS_ADDRESS: "http://127.0.0.1:1", WINDLASS_TOKEN: "t" };
    const { stderr } = await execa(programPath("windlass"), ["run", "list", "--debug"], { reject: false, env });
    expect(stderr).toMatch(/^ +at .*\/src\/cli\/[a-z/-]+\.ts:\d+:\d+\)?$/m);
    expect(stderr).not.toContain("/dist/");
  });
});

// A bundle takes seconds of two processors.
describe("bin", { timeout: 180_000 }, () => {
  let checkout: string;
  const entry = () => join(checkout, "cmd/windlass.ts");
  const bundle = () => execa(join(checkout, "scripts/bundle"));
  const current = () => readlink(join(checkout, "dist/current"));
  const made = async () => (await stat(join(checkout, "dist/current/made"))).mtimeMs;

  /** What the program says before its version. */
  async function said(): Promise<string> {
    const { stdout } = await execa(join(checkout, "bin/windlass"), ["version"], { env: { HOME: "/nonexistent" } });
    return stdout.replace(/windlass \d.*/s, "");
  }

  /** As an editor does, at a time that file systems can tell from that of the bundle. */
  async function edit(text: string, at = new Date()): Promise<void> {
    const own = await readFile(join(root, "cmd/windlass.ts"), "utf8");
    await writeFile(entry(), `${own}console.log("${text}");\n`);
    for (const path of [entry(), join(checkout, "cmd")]) await utimes(path, at, at);
  }

  beforeAll(async () => {
    checkout = await mkdtemp(join(tmpdir(), "windlass-checkout-"));
    for (const name of ["bin", "cmd", "scripts", "src", "migrations", "package.json"])
      await cp(join(root, name), join(checkout, name), { recursive: true, preserveTimestamps: true });
    await symlink(join(root, "node_modules"), join(checkout, "node_modules"));
  });
  afterAll(() => rm(checkout, { recursive: true, force: true }));

  test("runs the source where there is no bundle", async () => {
    await edit("from source");
    expect(await said()).toBe("from source\n");
  });

  test("runs the bundle while no source file is newer", async () => {
    await edit("bundled");
    await bundle();
    await edit("older than the bundle", new Date(0));
    expect(await said()).toBe("bundled\n");
    const [name, at] = [await current(), await made()];
    await bundle();
    expect([await current(), await made()]).toEqual([name, at]);
  });

  test("runs the source when a file is newer, and when one came or went", async () => {
    await edit("newer");
    expect(await said()).toBe("newer\n");
    await edit("older", new Date(0));
    expect(await said()).toBe("bundled\n");
    await writeFile(join(checkout, "src/cli/new.ts"), "");
    await utimes(join(checkout, "src/cli/new.ts"), 0, 0);
    expect(await said()).toBe("older\n");
  });

  test("what is made of the same source is the same bundle, and programs that run keep theirs", async () => {
    const before = await current();
    await edit("bundled");
    await bundle();
    expect(await current()).toBe(before);
    expect(await said()).toBe("bundled\n");
    await edit("another");
    await bundle();
    expect(await current()).not.toBe(before);
    expect(await said()).toBe("another\n");
    expect((await lstat(join(checkout, "dist", before))).isDirectory()).toBe(true);
    expect((await readdir(join(checkout, "dist"))).filter((name) => name.startsWith("new-"))).toEqual([]);
  });
});
