import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DirectoryLock, lockDirectory } from "./dir-lock.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-lock-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function mustLock(path: string): Promise<DirectoryLock> {
  const outcome = await lockDirectory(path);
  if (outcome.kind === "held") throw new Error(outcome.message);
  return outcome.lock;
}

test("a locked directory is refused, with the holder and what to do, until it is released", async () => {
  const lock = await mustLock(dir);
  const second = await lockDirectory(dir);
  expect(second).toMatchObject({ kind: "held", byPid: process.pid });
  expect(second.kind === "held" && second.message).toBe(
    `${dir} is in use by process ${process.pid}: stop it, or choose another directory`,
  );
  lock.release();
  using _again = await mustLock(dir);
});

test("a lock file that is none is named", async () => {
  await writeFile(join(dir, "lock.db"), "no database at all, and long enough to be looked at".repeat(40));
  await expect(lockDirectory(dir)).rejects.toThrow(`${join(dir, "lock.db")}: file is not a database`);
});

test("a missing directory is made", async () => {
  using _lock = await mustLock(join(dir, "a", "b"));
  expect(await lockDirectory(join(dir, "a", "b"))).toMatchObject({ kind: "held" });
});

test("the lock of a process that was ended by SIGKILL is free at once", async () => {
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(new URL("./dir-lock.ts", import.meta.url).href)});
    console.log((await lockDirectory(${JSON.stringify(dir)})).kind);
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  try {
    const [output] = await once(holder.stdout, "data");
    expect(String(output).trim()).toBe("locked");
    expect(await lockDirectory(dir)).toMatchObject({ kind: "held", byPid: holder.pid });
  } finally {
    holder.kill("SIGKILL");
    await ended;
  }
  using _free = await mustLock(dir);
});

test("its files are for their owner alone, whatever the umask and whatever an older version made; a refused look keeps the lock", async () => {
  const before = process.umask(0);
  try {
    const made = join(dir, "made");
    using _lock = await mustLock(made);
    for (const name of ["lock.db", "lock.pid"]) expect((await stat(join(made, name))).mode & 0o777).toBe(0o600);
    await writeFile(join(dir, "lock.pid"), "", { mode: 0o666 });
    await writeFile(join(dir, "lock.db"), "");
    await chmod(join(dir, "lock.db"), 0o644);
    using _old = await mustLock(dir);
    for (const name of ["lock.db", "lock.pid"]) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    expect(await lockDirectory(dir)).toMatchObject({ kind: "held" });
    expect(await lockElsewhere(dir)).toBe("held");
  } finally {
    process.umask(before);
  }
});

/** What another process is told. */
async function lockElsewhere(path: string): Promise<string> {
  const module = JSON.stringify(new URL("./dir-lock.ts", import.meta.url).href);
  const script = `const { lockDirectory } = await import(${module}); console.log((await lockDirectory(${JSON.stringify(path)})).kind)`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await once(child.stdout, "data");
  await once(child, "close");
  return String(said).trim();
}
