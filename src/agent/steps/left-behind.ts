import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";
import { readdir, readFile, stat } from "../../lib/fs/at-once.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { readIdentity, readStart } from "./step-files.ts";

/** A process that a step had started, and that was still there when the step was over. */
export interface LeftProcess {
  readonly pid: number;
  /** The first characters of its program's name, as the kernel keeps it; no arguments, which may hold secrets. */
  readonly name: string;
}

/** What a step had left behind. */
export interface LeftBehind {
  readonly ended: readonly LeftProcess[];
  /** Resolves when the step's control group is gone, too: nothing depends on it. Never rejects. */
  readonly tidied: Promise<void>;
}

/** The variable by which processes of a step are known, whatever session they are in. */
export const markVariable = "TFC_STEP_MARK";

/** Names a step on this machine: its directory belongs to it alone. */
export const markOf = (dir: string): string => createHash("sha256").update(dir).digest("hex").slice(0, 32);

/**
 * A control group (version 2) for a step, below the one that this process is in; undefined where none can be made: no
 * such system, or nothing of it is this user's.
 */
export async function makeGroup(dir: string): Promise<string | undefined> {
  try {
    const [, inside] = /^0::(\/.*)$/m.exec(await readFile("/proc/self/cgroup", "utf8")) ?? [];
    const mounted = await groupsMount();
    if (inside === undefined || mounted === undefined || inside.includes("..")) return undefined;
    const path = join(mounted, inside, `windlass-${markOf(dir)}`);
    await mkdir(path);
    await stat(join(path, "cgroup.procs"));
    return path;
  } catch {
    return undefined;
  }
}

let mount: Promise<string | undefined> | undefined;

/** Where the whole tree of version 2 is mounted (proc_pid_mountinfo(5)); looked for once. */
function groupsMount(): Promise<string | undefined> {
  mount ??= findGroupsMount();
  return mount;
}

async function findGroupsMount(): Promise<string | undefined> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const line = lines.find((text) => / - cgroup2 /.test(text));
  return line?.split(" ")[4];
}

const checkMs = 10;
const checks = 300;

/**
 * Ends what a step has left behind, also in sessions of its own: everything in its control group or, where it has none,
 * what has its mark in the environment that it was started with. What has neither stays. To be called when the step is
 * over.
 */
export async function endLeftBehind(dir: string, clock: Clock): Promise<LeftBehind> {
  const start = await readStart(dir);
  if (start === undefined || start.isSandboxed) return { ended: [], tidied: Promise.resolve() };
  const { group } = start;
  const isGrouped = group !== undefined && (await isThere(join(dir, "grouped")));
  const wrapper = await readIdentity(dir, "wrapper");
  const look = async () => {
    const pids = isGrouped ? await pidsIn(group) : await markedPids(markOf(dir));
    const found = await Promise.all(pids.map(identify));
    const isOther = (one: ProcessIdentity) => one.pid !== wrapper?.pid || one.startTicks !== wrapper.startTicks;
    const living = await Promise.all(found.map(async (one) => isOther(one) && (await isAlive(one))));
    return found.filter((_one, index) => living[index] === true);
  };
  const ended = new Map<number, LeftProcess>();
  for (let check = 0; check < checks; check += 1) {
    const left = await look();
    if (left.length === 0) break;
    for (const { pid } of left) if (!ended.has(pid)) ended.set(pid, { pid, name: await nameOf(pid) });
    await end(left);
    await clock.sleep(checkMs);
  }
  const tidied = group === undefined ? Promise.resolve() : removeGroup(group, clock).catch(() => {});
  return { ended: [...ended.values()], tidied };
}

async function end(left: readonly ProcessIdentity[]): Promise<void> {
  for (const one of left) {
    if (!(await isAlive(one))) continue;
    try {
      process.kill(one.pid, "SIGKILL");
    } catch {
      // It has ended by itself, or is another user's.
    }
  }
}

/** The last of its processes may not have been collected yet. One that cannot be removed takes nothing but its name. */
async function removeGroup(group: string, clock: Clock): Promise<void> {
  for (let check = 0; check < checks; check += 1) {
    const isGone = await rmdir(group).then(
      () => true,
      (error: { code?: unknown }) => error.code !== "EBUSY",
    );
    if (isGone) return;
    await clock.sleep(checkMs);
  }
}

const pidsIn = async (group: string): Promise<readonly number[]> =>
  (await readFile(join(group, "cgroup.procs"), "utf8").catch(() => ""))
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 0);

/** So many processes are looked at in one go: about a millisecond. */
const lookedAtOnce = 64;

/**
 * What other users started cannot be read, and was not started by a step. The files are made by the kernel at once: reading them in threads
 * takes five times as long.
 */
async function markedPids(mark: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc").catch(() => [])).map(Number).filter((pid) => pid > 0);
  const marked: number[] = [];
  for (let from = 0; from < pids.length; from += lookedAtOnce) {
    if (from > 0) await nextTurn();
    marked.push(...pids.slice(from, from + lookedAtOnce).filter((pid) => hasMark(pid, `${markVariable}=${mark}`)));
  }
  return marked;
}

function hasMark(pid: number, wanted: string): boolean {
  const path = `/proc/${pid}/environ`;
  // Most are another user's: asking is cheaper than a refusal.
  if (statSync(path, { throwIfNoEntry: false })?.uid !== ownUid) return false;
  try {
    return readFileSync(path, "latin1").split("\0").includes(wanted);
  } catch {
    return false;
  }
}

const ownUid = process.getuid?.();

const nameOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim() || "?";

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
