import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setPriority, constants as system } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { mkdir, readFile, writeFile } from "../../lib/fs/at-once.ts";
import { createSynced, syncDirectory } from "../../lib/fs/durable.ts";
import { watchPath } from "../../lib/fs/file-events.ts";
import { inheritedUmask } from "../../lib/fs/umask.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { entriesOf } from "../../lib/values/records.ts";
import { type InterruptHold, untilHeeded } from "./interrupt-hold.ts";
import { makeGroup, markOf, markVariable } from "./left-behind.ts";
import { hasOrphans, hasOwnGroup, identify, isAlive, type ProcessIdentity, readBootId } from "./process-identity.ts";
import { sandboxedProgram, untilHandled } from "./sandboxed-program.ts";
import { hasBegun, readIdentity, readStart } from "./step-files.ts";

export interface StepCommand {
  /** A directory of this step alone, outside of what the job can write to; made if need be. */
  readonly dir: string;
  /** The program and its arguments; no shell reads them. */
  readonly argv: readonly string[];
  /** The whole environment: nothing is added but the step's mark, and that not in a sandbox. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /**
   * Gets stdout and stderr, appended; made 0600 if need be. A file, so that nobody who reads it can hold up or end the
   * step.
   */
  readonly logFile: string;
  /** False: it gets no control group, even where one can be made. */
  readonly mayGroup?: boolean | undefined;
  /** Holds its interrupt back while it would forget it; absent if it never does. */
  readonly hold?: InterruptHold | undefined;
  /** False: what else runs comes first. */
  readonly isUrgent?: boolean | undefined;
  /** Resolves when it is written down that the program may have been started: only then it is. */
  readonly noted?: Promise<void> | undefined;
  /** True for a sandbox, which writes to descriptor 3 which process the program in it is, and ends with it. */
  readonly isSandboxed?: boolean | undefined;
}

/** How a step ended; `lost` when nobody recorded it: its shell was killed, or the machine was restarted. */
export type StepOutcome =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signaled"; readonly signal: NodeJS.Signals }
  | { readonly kind: "lost"; readonly why: string };

/** `refused`: the system could not start it (arguments too long, no such directory). */
export type StartedStep =
  | { readonly kind: "started"; readonly step: Step }
  | { readonly kind: "refused"; readonly why: string };

export type AdoptedStep =
  | { readonly kind: "running"; readonly step: Step }
  | { readonly kind: "never-started" }
  | StepOutcome;

/** `already-sent` also when another process of this agent sent it before. */
export type InterruptOutcome = "sent" | "already-sent" | "not-running";

/**
 * A process that outlives the agent. All that is known of it lies in its directory, so that another agent process can
 * adopt it.
 */
export interface Step {
  readonly dir: string;
  /** The program's own pid; undefined for the moment before it is known, and when it never ran. */
  pid(): Promise<number | undefined>;
  /** Resolves when the step has ended (at once if it has). */
  waitForExit(signal?: AbortSignal): Promise<StepOutcome>;
  /**
   * Sends SIGINT to the program itself: once in the life of a step, whoever asks and however often. One that is held back
   * is given up when the signal is aborted.
   */
  interrupt(signal?: AbortSignal): Promise<InterruptOutcome>;
  /**
   * Sends SIGINT once more, to a program that was interrupted before: terraform and tofu end at once then, and by
   * themselves.
   */
  interruptAgain(): Promise<InterruptOutcome>;
  /** Sends SIGTERM to the program and to what it has started: once in the life of a step. */
  terminate(): Promise<InterruptOutcome>;
  /** Sends SIGKILL to the whole process group and waits until the program is gone (a few seconds at most). */
  forceStop(): Promise<"sent" | "not-running">;
}

/**
 * No step leaves a core dump, which would hold its secrets, or opens files without end, and each has the mask of files
 * that the agent was started with. The shell runs only if it is the first to make `claim`: an agent that has given the
 * step up made it before. It stays behind to write down the exit status, whatever signals arrive. The inner shell
 * becomes the program, after it has written down which process that is; in the foreground, so that SIGINT is not
 * ignored. Files are overwritten in place: their space was taken before, so that a full disk cannot swallow the status.
 */
const wrapper = `
dir=$1
mask=$2
group=$3
shift 3
trap : HUP INT QUIT TERM
set -C
{ true >"$dir/claim"; } 2>/dev/null || exit 0
set +C
{ read -r stat < /proc/$$/stat; echo "\${stat:-$$}" 1<>"$dir/wrapper"; } 2>/dev/null
[ -z "$group" ] || { echo "$$" >"$group/cgroup.procs" && true >"$dir/grouped"; } 2>/dev/null
ulimit -c 0
command ulimit -n 65536 2>/dev/null
umask "$mask"
( { read -r stat < /proc/self/stat; echo "\${stat:-$(exec sh -c 'echo "$PPID"')}" 1<>"$dir/pid"; } 2>/dev/null; exec "$@" )
echo "$?" 1<>"$dir/status"
`;

const blank = `${" ".repeat(1023)}\n`;
const pollMs = 1000;
const goneCheckMs = 10;
const goneChecks = 500;

/**
 * Starts a program in its own session, detached from the agent: it goes on when the agent ends, however that happens. A
 * directory can be used once: a second start in it throws, so a step is never run twice.
 */
export async function startStep(command: StepCommand, clock: Clock): Promise<StartedStep> {
  const { dir, argv, env, cwd, logFile, noted, isSandboxed = false, mayGroup = true, isUrgent = true } = command;
  const hold = command.hold && { ...command.hold, logFile };
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // A sandbox ends everything in it by itself.
  const group = isSandboxed || !mayGroup ? undefined : await makeGroup(dir);
  const start = JSON.stringify({ bootId: await readBootId(), isSandboxed, group, hold });
  await createFile(join(dir, "start.json"), start);
  const names = ["wrapper", "pid", "status", ...(isSandboxed ? ["inside"] : [])];
  await Promise.all(names.map((name) => createFile(join(dir, name), blank)));
  await using log = await openLog(logFile);
  await using inside = isSandboxed ? await open(join(dir, "inside"), "r+") : undefined;
  await noted;
  const child = await spawned(() => {
    const shell = spawn("/bin/sh", ["-c", wrapper, "sh", dir, inheritedUmask(), group ?? "", ...argv], {
      cwd,
      env: isSandboxed ? env : { ...env, [markVariable]: markOf(dir) },
      detached: true,
      stdio: ["ignore", log.fd, log.fd, ...(inside === undefined ? [] : [inside.fd])],
    });
    if (!isUrgent) putBack(shell);
    return shell;
  });
  if (child.kind === "refused") return { kind: "refused", why: `the process cannot be started: ${child.why}` };
  return { kind: "started", step: new StepProcess({ dir, clock, wrapper: await identify(child.pid), isSandboxed }) };
}

/**
 * A file of a step: no process outlives the machine, and so nothing that is known of it has to. What is written takes its space at
 * once, as far as the system reserves it.
 */
const createFile = (path: string, content: string): Promise<void> =>
  writeFile(path, content, { flag: "wx", mode: 0o600 });

const openLog = (path: string): Promise<FileHandle> =>
  open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);

/** Before it starts anything itself. A system that refuses it lets it run as any other. */
function putBack({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, system.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Nothing depends on it.
  }
}

type Spawned = { readonly kind: "spawned"; readonly pid: number } | { readonly kind: "refused"; readonly why: string };

/** A process that this one does not wait for, or why there is none: some reasons are thrown, others come as an event. */
async function spawned(start: () => ChildProcess): Promise<Spawned> {
  try {
    const child = start();
    await once(child, "spawn");
    child.unref();
    return child.pid === undefined ? { kind: "refused", why: "it has no pid" } : { kind: "spawned", pid: child.pid };
  } catch (error) {
    return { kind: "refused", why: messageOf(error) };
  }
}

/** Finds a step that this or an earlier process of the agent started in `dir`. */
export async function adoptStep(dir: string, clock: Clock): Promise<AdoptedStep> {
  const start = await readStart(dir);
  if (start === undefined) return { kind: "never-started" };
  const { isSandboxed } = start;
  const isSameBoot = start.bootId === (await readBootId());
  if (isSameBoot && !(await hasBegun(dir, clock))) return { kind: "never-started" };
  const step = new StepProcess({ dir, clock, wrapper: await readIdentity(dir, "wrapper"), isSandboxed });
  const outcome = isSameBoot ? await step.look() : await step.recorded();
  if (outcome !== undefined) return outcome;
  return isSameBoot ? { kind: "running", step } : { kind: "lost", why: "the machine was restarted" };
}

interface StepParts {
  readonly dir: string;
  readonly clock: Clock;
  /** The shell; leader of the process group. */
  readonly wrapper: ProcessIdentity | undefined;
  readonly isSandboxed: boolean;
}

class StepProcess implements Step {
  readonly dir: string;
  readonly #clock: Clock;
  readonly #wrapper: ProcessIdentity | undefined;
  readonly #isSandboxed: boolean;

  constructor({ dir, clock, wrapper, isSandboxed }: StepParts) {
    this.dir = dir;
    this.#clock = clock;
    this.#wrapper = wrapper;
    this.#isSandboxed = isSandboxed;
  }

  async pid(): Promise<number | undefined> {
    return (await this.#program())?.pid;
  }

  async waitForExit(signal?: AbortSignal): Promise<StepOutcome> {
    using changes = watchPath(this.dir, { clock: this.#clock, pollMs });
    for (;;) {
      const outcome = await this.look();
      if (outcome !== undefined) return outcome;
      await changes.wait(signal);
    }
  }

  async interrupt(signal?: AbortSignal): Promise<InterruptOutcome> {
    await this.#untilHeeded(signal);
    return this.#sendOnce("interrupted", "SIGINT");
  }

  interruptAgain(): Promise<InterruptOutcome> {
    return this.#sendOnce("interrupted-again", "SIGINT");
  }

  terminate(): Promise<InterruptOutcome> {
    return this.#sendOnce("terminated", "SIGTERM");
  }

  async #untilHeeded(signal: AbortSignal | undefined): Promise<void> {
    const hold = (await readStart(this.dir))?.hold;
    if (hold === undefined) return;
    const startFile = join(this.dir, "start.json");
    const waitForExit = (over: AbortSignal) => this.waitForExit(over);
    await untilHeeded(hold, { startFile, waitForExit, clock: this.#clock }, signal);
  }

  /** SIGINT is for the program alone; SIGTERM is also for those that it waits for, as a shell heeds none meanwhile. */
  async #sendOnce(mark: string, signal: "SIGINT" | "SIGTERM"): Promise<InterruptOutcome> {
    const program = await this.#runningProgram();
    if (program === undefined) return "not-running";
    if (this.#isSandboxed) await untilHandled(program, signal, this.#clock);
    try {
      await createSynced(join(this.dir, mark), "");
      await syncDirectory(this.dir);
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return "already-sent";
      throw error;
    }
    return send(signal === "SIGINT" ? program.pid : this.#withCompany(program), signal);
  }

  /** Its group, as a signal is sent there: in a sandbox it leads one of its own; else the shell does, which stays. */
  #withCompany({ pid }: ProcessIdentity): number {
    if (this.#isSandboxed) return -pid;
    return this.#wrapper === undefined ? pid : -this.#wrapper.pid;
  }

  async forceStop(): Promise<"sent" | "not-running"> {
    const hasEnded = (await this.recorded()) !== undefined;
    const group = await (hasEnded ? this.#ownGroup() : this.#livingGroup());
    if (group === undefined) return "not-running";
    const program = this.#isSandboxed ? await this.#program() : undefined;
    // The mark says how it ended, and the machine knows nothing of it in its next run.
    if (!hasEnded) await writeFile(join(this.dir, "forced"), "", { mode: 0o600 });
    const outcome = send(-group, "SIGKILL");
    const isLeft = async () => (await this.look()) === undefined || (program !== undefined && (await isAlive(program)));
    for (let check = 0; check < goneChecks && (await isLeft()); check += 1) await this.#clock.sleep(goneCheckMs);
    // Wakes those who wait: nobody else changes the directory any more.
    if (!hasEnded) await writeFile(join(this.dir, "gone"), "", { mode: 0o600 }).catch(() => {});
    return outcome;
  }

  /** The outcome, or undefined while the step runs. */
  async look(): Promise<StepOutcome | undefined> {
    const recorded = await this.recorded();
    if (recorded !== undefined || (await this.#isRunning())) return recorded;
    // It may have ended between the two looks.
    const late = await this.recorded();
    if (late !== undefined) return late;
    const isForced = (await readFile(join(this.dir, "forced")).catch(() => undefined)) !== undefined;
    return isForced
      ? { kind: "signaled", signal: "SIGKILL" }
      : { kind: "lost", why: "its shell ended without a status" };
  }

  /** The outcome that the shell wrote down. */
  async recorded(): Promise<StepOutcome | undefined> {
    const text = await readFile(join(this.dir, "status"), "utf8").catch(() => "");
    const [, status] = /^(\d+)\n/.exec(text) ?? [];
    return status === undefined ? undefined : outcomeOf(Number(status));
  }

  async #isRunning(): Promise<boolean> {
    if (this.#wrapper !== undefined && (await isAlive(this.#wrapper))) return true;
    const program = await readIdentity(this.dir, "pid");
    return program !== undefined && (await isAlive(program));
  }

  /** Waits for the moment in which the program is not yet known. */
  async #runningProgram(): Promise<ProcessIdentity | undefined> {
    using changes = watchPath(this.dir, { clock: this.#clock, pollMs: goneCheckMs });
    while ((await this.look()) === undefined) {
      const program = await this.#program();
      if (program !== undefined) return (await isAlive(program)) ? program : undefined;
      await changes.wait();
    }
    return undefined;
  }

  /** What runs; in a sandbox that is a child of the process that the shell became. */
  async #program(): Promise<ProcessIdentity | undefined> {
    const program = await readIdentity(this.dir, "pid");
    if (!this.#isSandboxed || program === undefined) return program;
    return sandboxedProgram(program, await readFile(join(this.dir, "inside"), "utf8").catch(() => ""));
  }

  /** Whether somebody lives in it makes no difference behind the end of a step: to look for them takes a look at every process there is. */
  async #ownGroup(): Promise<number | undefined> {
    const leader = this.#wrapper;
    return leader !== undefined && (await hasOwnGroup(leader)) ? leader.pid : undefined;
  }

  async #livingGroup(): Promise<number | undefined> {
    if (this.#wrapper === undefined) return undefined;
    const { pid } = this.#wrapper;
    return (await this.#isRunning()) || (await hasOrphans(this.#wrapper)) ? pid : undefined;
  }
}

/** A shell reports a program that signal N ended as 128 + N. */
function outcomeOf(status: number): StepOutcome {
  const name = entriesOf(system.signals).find(([, number]) => number === status - 128)?.[0];
  return name === undefined ? { kind: "exited", code: status } : { kind: "signaled", signal: name };
}

function send(pid: number, signal: NodeJS.Signals): "sent" | "not-running" {
  try {
    process.kill(pid, signal);
    return "sent";
  } catch (error) {
    if (errnoOf(error) === "ESRCH") return "not-running";
    throw error;
  }
}
