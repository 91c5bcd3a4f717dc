import { constants } from "node:os";
import { readdir, readFile } from "../../lib/fs/at-once.ts";
import { errnoOf } from "../../lib/values/errors.ts";

/** A process, told apart from a later one of the same pid by the time it began. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the machine's start; undefined where there is no /proc, and then the pid alone has to do. */
  readonly startTicks: number | undefined;
}

interface ProcessStat extends ProcessIdentity {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** What a line of /proc/PID/stat says (proc(5)); the name in parentheses may hold anything. Undefined when it is none. */
function parseStat(text: string): ProcessStat | undefined {
  const pid = Number.parseInt(text, 10);
  if (!(pid > 0)) return undefined;
  const fields = text
    .slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(/\s+/);
  const [state = "", parent, group, session] = fields;
  // The state is field 3, the start time field 22.
  const startTicks = fields[19] === undefined || !text.includes(")") ? undefined : Number(fields[19]);
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), startTicks };
}

/** The identity in a file that a step's shell wrote: its own line of /proc, or only its pid. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const stat = parseStat(text);
  return stat === undefined ? undefined : { pid: stat.pid, startTicks: stat.startTicks };
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

/** The identity of a process that runs now. */
export async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, startTicks: (await readStat(pid))?.startTicks };
}

/** True while this very process runs; one that has ended and was not collected yet does not. */
export async function isAlive({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  const stat = await readStat(pid);
  if (stat !== undefined) return stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
  return startTicks === undefined && canSignal(pid);
}

/** A process, if it is a child of that very parent. */
export async function identifyChild(pid: number, parent: ProcessIdentity): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid);
  const isItsChild = stat?.parent === parent.pid && (await isAlive(parent));
  return stat !== undefined && isItsChild ? { pid, startTicks: stat.startTicks } : undefined;
}

/** True once a process handles a signal by itself; undefined where nobody can tell. */
export async function handlesSignal(pid: number, signal: "SIGINT" | "SIGTERM"): Promise<boolean | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return caught === undefined
    ? undefined
    : (BigInt(`0x${caught}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n;
}

/** Only where there is no /proc. */
function canSignal(pid: number): boolean {
  if (process.platform === "linux") return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * True when processes of a group live on whose leader has ended: as long as they do, its pid is given to nobody else, so
 * the group is still the same one. A leader that was not collected yet has ended, too.
 */
export async function hasOrphans({ pid: leader, startTicks }: ProcessIdentity): Promise<boolean> {
  if (!hasGroup(leader)) return false;
  const found = await readStat(leader);
  if (found !== undefined && (found.state !== "Z" || found.startTicks !== startTicks)) return false;
  const pids = (await readdir("/proc").catch(() => [])).map(Number).filter((pid) => pid > 0);
  const stats = await Promise.all(pids.map(readStat));
  return stats.some((stat) => stat?.group === leader && stat.session === leader && stat.state !== "Z");
}

/** True while a group is still the one that this leader made, whoever is left in it. */
export async function hasOwnGroup({ pid: leader, startTicks }: ProcessIdentity): Promise<boolean> {
  if (!hasGroup(leader)) return false;
  const found = await readStat(leader);
  return found === undefined || found.startTicks === startTicks;
}

/** Answers at once, where a look through all processes takes long on a busy machine: mostly nobody is left. */
function hasGroup(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}

let bootId: Promise<string> | undefined;

/** Names this run of the machine: pids and start times mean nothing in another. */
export function readBootId(): Promise<string> {
  bootId ??= readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  return bootId;
}
