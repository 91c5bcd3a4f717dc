import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../lib/clock.ts";
import { removeTree } from "./durable-files.ts";
import { forceRemove } from "./force-remove.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-remove-"));
  await chmod(dir, 0o777);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Shell scripts whose directory cannot be removed the plain way. */
const makings = {
  "module caches nobody may write to": `
    for part in home/go/pkg/mod/a@v1/x vendor/b@v1/y work/c; do mkdir -p $part; echo x > $part/f; done
    for i in 1 2 3 4 5 6 7 8 9; do mkdir -p ordinary/$i; echo x > ordinary/$i/f; done
    chmod -R a-w home vendor work`,
  "directories that nobody may enter or read": `
    mkdir -p a/b/c d/e; echo x > a/b/c/f
    chmod 000 a/b/c d/e d; chmod 111 a`,
  "names that are no text": `
    n=$(printf 'f\\377'); mkdir $n; echo x > $n/$n; chmod 500 $n`,
  "paths longer than the system takes": `
    perl -e 'for (1..60) { mkdir "d" x 100; chdir "d" x 100; } open F, ">f"; chmod 0500, "."'`,
};

/** Runs a script as an ordinary user, also where the tests run as root. */
async function asOrdinaryUser(script: string): Promise<string> {
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    ...nobody,
    cwd: dir,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await Promise.all([text(child.stdout), once(child, "close")]);
  return said;
}

test.each(Object.entries(makings))("an ordinary user removes %s, each time", async (_name, making) => {
  const source = JSON.stringify(new URL("./durable-files.ts", import.meta.url).href);
  const said = await asOrdinaryUser(`
    const { execFileSync } = await import("node:child_process");
    const { existsSync, mkdirSync } = await import("node:fs");
    const { removeTree } = await import(${source});
    const left = [];
    for (let time = 0; time < 20; time++) {
      const root = "tree" + time;
      mkdirSync(root);
      execFileSync("/bin/sh", ["-ec", ${JSON.stringify(making)}], { cwd: root });
      await removeTree(root).catch((error) => left.push(String(error)));
      if (existsSync(root)) left.push(root);
    }
    console.log(JSON.stringify({ left, uid: process.getuid() }));
  `);
  expect(JSON.parse(said)).toEqual({ left: [], uid: process.getuid?.() === 0 ? 65_534 : process.getuid?.() });
});

test.skipIf(process.getuid?.() !== 0)("a start says what it cannot remove, and goes on", async () => {
  const job = join(dir, "jobs", "job_1-1");
  await mkdir(join(job, "of-somebody-else"), { recursive: true });
  await writeFile(join(job, "of-somebody-else", "file"), "");
  for (const path of [join(dir, "jobs"), job]) await chown(path, 65_534, 65_534);
  const source = JSON.stringify(new URL("../jobs/stored-jobs.ts", import.meta.url).href);
  const said = await asOrdinaryUser(`
    const { readStoredJobs } = await import(${source});
    const told = [];
    const left = await readStoredJobs("jobs", () => new Date(0), (directory) => told.push(directory));
    console.log(JSON.stringify({ ...left, told }));
  `);
  expect(JSON.parse(said)).toEqual({ jobs: [], kept: [], told: ["jobs/job_1-1"] });
});

test("somebody who goes on writing is outlasted", async () => {
  const tree = join(dir, "tree");
  const script = `
    const { mkdirSync, writeFileSync } = require("node:fs");
    for (let i = 0; ; i++) {
      try {
        mkdirSync("tree/d", { recursive: true });
        writeFileSync("tree/" + i, "");
      } catch {}
    }
  `;
  const writer = spawn(process.execPath, ["-e", script], { cwd: dir, stdio: "ignore" });
  const over = once(writer, "close");
  let pauses = 0;
  const sleep = async (ms: number) => {
    if (++pauses === 3) writer.kill("SIGKILL");
    await (pauses < 3 ? systemClock.sleep(ms) : over);
  };
  const { forceRemove } = await import("./force-remove.ts");
  // A writer that the machine holds up is not met.
  while (pauses < 3) await forceRemove(tree, { ...systemClock, sleep });
  expect(existsSync(tree)).toBe(false);
});

test("what is not let go at first is removed later", async () => {
  const source = JSON.stringify(new URL("./force-remove.ts", import.meta.url).href);
  const clock = JSON.stringify(new URL("../../lib/clock.ts", import.meta.url).href);
  const said = await asOrdinaryUser(`
    const { chmodSync, existsSync, mkdirSync } = await import("node:fs");
    const { forceRemove } = await import(${source});
    const { systemClock } = await import(${clock});
    mkdirSync("parent/tree/full", { recursive: true });
    chmodSync("parent", 0o500);
    let pauses = 0;
    const sleep = async () => { if (++pauses === 2) chmodSync("parent", 0o700); };
    await forceRemove("parent/tree", { ...systemClock, sleep });
    console.log(JSON.stringify({ pauses, isLeft: existsSync("parent/tree") }));
  `);
  expect(JSON.parse(said)).toEqual({ pauses: 2, isLeft: false });
});

test("links are removed, and what they lead to stays", async () => {
  await mkdir(join(dir, "elsewhere"));
  await writeFile(join(dir, "elsewhere/file"), "mine");
  await chmod(join(dir, "elsewhere"), 0o500);
  await mkdir(join(dir, "tree/locked"), { recursive: true });
  await symlink(join(dir, "elsewhere"), join(dir, "tree/locked/link"));
  await symlink(join(dir, "elsewhere/file"), join(dir, "tree/file"));
  const { forceRemove } = await import("./force-remove.ts");
  await forceRemove(join(dir, "tree"));
  expect(await readdir(join(dir, "elsewhere"))).toEqual(["file"]);
  expect(await readFile(join(dir, "elsewhere/file"), "utf8")).toBe("mine");
  await symlink(join(dir, "elsewhere"), join(dir, "link"));
  await forceRemove(join(dir, "link"));
  await removeTree(join(dir, "never-was"));
  expect(existsSync(join(dir, "elsewhere/file"))).toBe(true);
  await chmod(join(dir, "elsewhere"), 0o700);
});

test("a large directory is removed in many goes, between which everything else goes on", async () => {
  await mkdir(join(dir, "large"));
  for (let index = 0; index < 500; index += 1) await writeFile(join(dir, "large", `${index}`), "");
  await writeFile(join(dir, "large", "whole"), Buffer.alloc(2 * 1024 * 1024));
  let turns = 0;
  const count = () => {
    turns += 1;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  await forceRemove(join(dir, "large"));
  clearImmediate(counting);
  expect([existsSync(join(dir, "large")), turns > 10]).toEqual([false, true]);
});
