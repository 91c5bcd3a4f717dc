import { execFileSync } from "node:child_process";
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeArchive } from "../../lib/archive/write.ts";
import { type Collected, collectPlanFiles, recordConfiguration } from "./collect.ts";
import { placePlanFiles, unpackPlanFiles } from "./place.ts";

const MiB = 1024 * 1024;

let dir: string;
let servers: Server[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-plan-files-"));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) server.close();
  execFileSync("chmod", ["-R", "u+rwX", dir]);
  await rm(dir, { recursive: true, force: true });
});

/** Where the plan's agent has its configuration, and the apply's the same one. */
const planned = (...path: string[]) => join(dir, "planned", "config", ...path);
const applied = (...path: string[]) => join(dir, "applied", "config", ...path);
const seenRoot = "/seen/config";
const write = async (path: string, content = "") => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
};

/** Lays the same configuration down for both, and writes it down for the plan. */
async function configuration(files: Readonly<Record<string, string>>, workingDirectory = ""): Promise<void> {
  for (const [path, content] of Object.entries({ "main.tf": "", ...files })) {
    await write(planned(path), content);
    await write(applied(path), content);
  }
  const directory = planned(workingDirectory);
  await recordConfiguration(join(dir, "record"), { root: planned(), directory, placed: [] });
}

const collect = (maxBytes: number | undefined = 10 * MiB): Promise<Collected> =>
  collectPlanFiles({
    ...{ root: planned(), seenRoot, record: join(dir, "record"), archive: join(dir, "archive") },
    ...{ maxBytes, signal: AbortSignal.timeout(60_000) },
  });

async function told(maxBytes?: number): Promise<string> {
  const collected = await collect(maxBytes);
  if (collected.kind !== "collected") throw new Error("nothing is known");
  return collected.told;
}

/** Brings what was collected to the apply. */
async function apply(workingDirectory = ""): Promise<void> {
  const collected = await collect();
  if (collected.kind !== "collected" || collected.packed === undefined) throw new Error("nothing was packed");
  await bring(workingDirectory);
}

async function bring(workingDirectory = ""): Promise<void> {
  const into = join(dir, "unpacked");
  const unpacking = { archive: join(dir, "archive"), into, workingDirectory };
  await unpackPlanFiles(unpacking, AbortSignal.timeout(60_000));
  await placePlanFiles(into, applied());
}

const read = (path: string) => readFile(applied(path), "utf8");

describe("what a plan made", () => {
  test("goes with it: new and changed files, directories, links and permissions; what it removed is removed", async () => {
    await configuration({
      "src/a.py": "a",
      "src/b.py": "b",
      "old/x/y": "y",
      "same.txt": "same",
      "swap/in": "in",
      flat: "f",
    });
    await write(planned("build/out/fn.zip"), "zip");
    await chmod(planned("build/out/fn.zip"), 0o640);
    await write(planned("bin/tool"), "#!/bin/sh");
    await chmod(planned("bin/tool"), 0o755);
    await mkdir(planned("empty/inner"), { recursive: true });
    await symlink("../build/out", planned("bin/latest"));
    await symlink(`${seenRoot}/build/out/fn.zip`, planned("absolute"));
    await symlink("nowhere", planned("dangling"));
    await writeFile(planned("src/b.py"), "B");
    await rm(planned("old"), { recursive: true });
    await rm(planned("swap"), { recursive: true });
    await writeFile(planned("swap"), "now a file");
    await rm(planned("flat"));
    await write(planned("flat/now/a/directory"), "d");
    await apply();
    expect(await read("build/out/fn.zip")).toBe("zip");
    expect((await stat(applied("build/out/fn.zip"))).mode & 0o777).toBe(0o640);
    expect((await stat(applied("bin/tool"))).mode & 0o777).toBe(0o755);
    expect(await readdir(applied("empty/inner"))).toEqual([]);
    expect(await readlink(applied("bin/latest"))).toBe("../build/out");
    expect(await readlink(applied("absolute"))).toBe("build/out/fn.zip");
    expect(await readlink(applied("dangling"))).toBe("nowhere");
    expect([await read("src/a.py"), await read("src/b.py"), await read("same.txt")]).toEqual(["a", "B", "same"]);
    expect([await read("swap"), await read("flat/now/a/directory")]).toEqual(["now a file", "d"]);
    expect((await readdir(applied())).includes("old")).toBe(false);
    expect(await readdir(dir)).not.toContain("archive");
  });

  test("is nothing if nothing was written; a new time of a file, or the same size, does not hide a change", async () => {
    await configuration({ "a.txt": "1234", "b.txt": "x" });
    expect(await collect()).toEqual({ kind: "collected", packed: undefined, told: "" });
    const { atime, mtime } = await stat(planned("a.txt"));
    await writeFile(planned("a.txt"), "4321");
    await utimes(planned("a.txt"), atime, mtime);
    expect(await told()).toBe(
      "\nWindlass: 1 file that the plan made or changed goes with it to the apply: a.txt (4 B)\n",
    );
    await apply();
    expect(await read("a.txt")).toBe("4321");
  });

  test("leaves out what init makes, what the plan or the agent brings, and states", async () => {
    const own = ["terraform.tfstate", "terraform.tfstate.backup", "errored.tfstate", ".terraform.lock.hcl"];
    await configuration({ "stack/main.tf": "", "stack/modules/m.tf": "" }, "stack");
    for (const name of [...own, ".windlass/states/x", ".terraform/providers/p"])
      await write(planned("stack", name), "x");
    await write(planned("stack/modules/.terraform/m"), "x");
    expect(await collect()).toEqual({ kind: "collected", packed: undefined, told: "" });
    await rm(planned("stack/terraform.tfstate"));
    await write(planned("other/terraform.tfstate"), "a state that is nobody's");
    await apply("stack");
    expect(await readdir(applied("other"))).toEqual(["terraform.tfstate"]);
    expect(await readdir(applied("stack"))).toEqual(["main.tf", "modules"]);
  });

  test("leaves out what the agent had placed, though the plan changed it", async () => {
    await write(planned("main.tf"));
    await write(planned("x_override.tf"), "ours");
    await recordConfiguration(join(dir, "record"), {
      ...{ root: planned(), directory: planned(), placed: [planned("x_override.tf")] },
    });
    await writeFile(planned("x_override.tf"), "theirs");
    expect(await collect()).toMatchObject({ packed: undefined, told: "" });
  });

  test("the same tree gives the same archive, byte for byte, though it is looked at again", async () => {
    await configuration({});
    for (const name of ["b", "a", "c/d", "ä"]) await write(planned(name), name);
    const first = await collect();
    const second = await collect();
    expect(second).toEqual(first);
  });

  test("is not known if the record is gone or torn: then nobody guesses", async () => {
    await configuration({});
    await truncate(join(dir, "record"), 20);
    expect(await collect()).toEqual({ kind: "unknown" });
    await rm(join(dir, "record"));
    expect(await collect()).toEqual({ kind: "unknown" });
  });
});

describe("a hostile or wasteful job", () => {
  test("what cannot go with the plan is named, with the reason, and the rest goes", async () => {
    await configuration({});
    await writeFile(planned("good"), "good");
    await writeFile(planned("huge"), "");
    await truncate(planned("huge"), 10 * 1024 * MiB);
    execFileSync("sh", ["-c", `mkfifo '${planned("pipe")}'`]);
    servers.push(createServer().listen(planned("socket")));
    await symlink("/etc/passwd", planned("passwd"));
    await symlink("../../../x", planned("up"));
    await symlink(".", planned("here"));
    await symlink("here/../../..", planned("through"));
    await writeFile(planned("back\\slash"), "");
    await writeFile(planned("two\nlines \u001b[31m\u202e"), "");
    await writeFile(Buffer.from(`${planned()}/bad-\xff`, "latin1"), "");
    await writeFile(planned("Readme"), "1");
    await writeFile(planned("README"), "2");
    await writeFile(planned("\u202eb"), "");
    await writeFile(planned("\u202eB"), "");
    await mkdir(planned(...Array<string>(70).fill("d")), { recursive: true });
    const text = await told();
    expect(text).toContain("will NOT have huge (10 GiB): at most 10 MiB go with a plan");
    expect(text).toContain("will NOT have pipe: a fifo");
    expect(text).toContain("a link that leads out of the configuration");
    expect(text).toMatch(/NOT have passwd, through, up: a link that leads out/);
    expect(text).toMatch(/NOT have back\\slash: has a backslash in its name/);
    expect(text).toMatch(/NOT have two.lines .\[31m.: has a control character in its name/);
    expect(text).toMatch(/bad-.: a name that is not valid UTF-8/);
    expect(text).toMatch(/NOT have Readme \(1 B\): differs from "README" only by letter case/);
    expect(text).toMatch(/: nested deeper than 65 levels/);
    expect(text).toContain(" good (4 B)");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none of them is left is what it looks for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    await bring();
    expect(await read("good")).toBe("good");
    expect(await readdir(applied())).not.toContain("passwd");
  });

  test("a link that leads out only through others that go along does not make the archive useless", async () => {
    await configuration({});
    await symlink(".", planned("q"));
    await symlink("q/../z", planned("sly"));
    await writeFile(planned("good"), "good");
    expect(await told()).toMatch(/NOT have sly: a link that leads out/);
    await bring();
    expect(await readdir(applied())).toEqual(["good", "main.tf", "q"]);
  });

  test("a hard link is a file; a file that is both too large and sparse is never read", async () => {
    await configuration({ a: "content" });
    await link(planned("a"), planned("b"));
    await writeFile(planned("sparse"), "");
    await truncate(planned("sparse"), 2 ** 42);
    const startedMs = performance.now();
    expect(await told()).toContain("sparse (4096 GiB)");
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await bring();
    expect(await read("b")).toBe("content");
  });

  test("what fits goes in the order of names, and no byte more than is taken", async () => {
    await configuration({});
    for (const name of ["a", "b", "c", "d"])
      await writeFile(planned(name), Buffer.alloc(400_000, Math.random().toString()));
    await writeFile(planned("e"), "small");
    const collected = await collect(1_000_000);
    expect(collected).toMatchObject({
      told: expect.stringMatching(
        /3 files .*: a \(391 KiB\), b \(391 KiB\), e \(5 B\)(?:.|\n)*NOT have c \(391 KiB\), d \(391 KiB\): at most 977 KiB/,
      ),
    });
    expect((await stat(join(dir, "archive"))).size).toBeLessThan(1_000_000);
  });

  test("a control plane that takes nothing gets nothing, and everything is named as lost", async () => {
    await configuration({ gone: "" });
    await write(planned("build/a"), "a");
    await rm(planned("gone"));
    for (const maxBytes of [undefined, 0]) {
      const collected = await collectPlanFiles({
        ...{ root: planned(), seenRoot, record: join(dir, "record"), archive: join(dir, "archive") },
        ...{ maxBytes, signal: AbortSignal.timeout(60_000) },
      });
      expect(collected).toMatchObject({
        packed: undefined,
        told: expect.stringMatching(/NOT have build\/a \(1 B\): the control plane takes no files/),
      });
    }
  });

  test("a directory that is closed or replaced by a link is not followed, and what was in it is not called removed", async () => {
    await configuration({ "closed/in": "in", "swapped/in": "in" });
    await rm(planned("swapped"), { recursive: true });
    await mkdir(join(dir, "elsewhere"));
    await writeFile(join(dir, "elsewhere", "secret"), "secret");
    await symlink(join(dir, "elsewhere"), planned("swapped"));
    await chmod(planned("closed"), 0o000);
    const text = await told();
    expect(text).not.toContain("secret");
    expect(text).toMatch(/NOT have swapped: a link that leads out/);
    if (process.getuid?.() !== 0) expect(text).toMatch(/NOT have closed: cannot be read/);
    expect(text).not.toContain("removed closed");
  });

  test("a configuration's directory that is a link now ends the plan with a clear error", async () => {
    await configuration({});
    await rm(planned(), { recursive: true });
    await symlink("/etc", planned());
    await expect(collect()).rejects.toThrow(/configuration's directory is gone/);
  });

  test("names, reasons and lines of the log are bounded, whatever a plan makes", async () => {
    await configuration({});
    for (let count = 0; count < 500; count++) await writeFile(planned(`${"n".repeat(240)}${count}`), "");
    const text = await told();
    expect(text).toContain("500 files that the plan made");
    expect(text).toContain("and 490 more");
    expect(text.length).toBeLessThan(3_000);
  });
});

describe("an archive that lies", () => {
  const archive = async (paths: readonly string[], removed: readonly string[] | string = []) => {
    const file = (path: string, content: string) =>
      ({
        kind: "file",
        path,
        bytes: content.length,
        mode: 0o644,
        content: async function* () {
          yield Buffer.from(content);
        },
      }) as const;
    const list = typeof removed === "string" ? removed : JSON.stringify(removed);
    await rm(join(dir, "archive"), { force: true });
    await writeArchive(join(dir, "archive"), [file("removed.json", list), ...paths.map((path) => file(path, "x"))], {
      gzipLevel: 1,
    });
  };

  test.each([
    [["files/stack/terraform.tfstate"], [], /would take the place of what the agent brings/],
    [["files/.terraform/providers/p"], [], /would take the place/],
    [["files/stack/.terraform.lock.hcl"], [], /would take the place/],
    [["files/stack/.windlass/x"], [], /would take the place/],
    [["files/stack"], [], /would take the place/],
    [["elsewhere/x"], [], /is no file of a plan/],
    [["files/../x"], [], /leaves the archive/],
    [["/etc/x"], [], /absolute name/],
    [[], ["stack"], /is removed, but the agent brings it/],
    [[], ["stack/terraform.tfstate"], /is removed, but the agent brings it/],
    [[], ["../x"], /no list of clean names/],
    [[], "{", /no list of clean names/],
  ])("%j removing %j: the error says why, and the configuration stays as it was", async (paths, removed, why) => {
    await configuration({ "stack/main.tf": "" }, "stack");
    await archive(paths, removed);
    const said = await bring("stack").catch((error: Error) => error.message);
    expect(said).toMatch(why);
    expect(said).toMatch(/^the files that the plan made cannot be used: .* Start the run again$/);
    expect(await readdir(applied())).toEqual(["main.tf", "stack"]);
    expect(await readdir(applied("stack"))).toEqual(["main.tf"]);
  });

  test("nothing is written or removed through a link of the configuration", async () => {
    await configuration({});
    await mkdir(join(dir, "outside"));
    await writeFile(join(dir, "outside", "keep"), "kept");
    await symlink(join(dir, "outside"), applied("build"));
    await symlink(join(dir, "outside", "keep"), applied("direct"));
    await archive(["files/build/keep", "files/direct"], ["build/other"]);
    await bring();
    expect(await readFile(join(dir, "outside", "keep"), "utf8")).toBe("kept");
    expect((await lstat(applied("build"))).isDirectory()).toBe(true);
    expect(await read("direct")).toBe("x");
  });

  test("cut off while it is placed, it can be placed again", async () => {
    await configuration({ old: "" });
    await write(planned("a/b"), "b");
    await write(planned("c"), "c");
    await rm(planned("old"));
    await apply();
    // The first file was placed, the second not yet.
    await write(join(dir, "unpacked", "files", "c"), "c");
    await rm(applied("c"));
    await placePlanFiles(join(dir, "unpacked"), applied());
    expect([await read("a/b"), await read("c")]).toEqual(["b", "c"]);
  });
});
