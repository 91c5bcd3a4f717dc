import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { until } from "./until.ts";

export interface ProgramCall {
  /** What failures call it. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment, beside PATH, HOME and the language. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to its standard input, which is closed then. */
  readonly input?: string;
}

/** Makes a call one of the same program in namespaces of its own. The process stays the one that is started. */
export type Within = (call: readonly string[]) => Pick<ProgramCall, "command"> & { readonly args: readonly string[] };

/** How a program ended: one of the two is not null. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real process of a test. Disposing it stops it. */
export interface Program extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<Ending>;
  readonly isRunning: boolean;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves with the first match in what it writes to either stream. */
  says(pattern: RegExp, deadlineMs?: number): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Signals it and waits for its end; one that takes longer than 15 s is ended, and the test fails. */
  stop(signal?: NodeJS.Signals): Promise<Ending>;
}

export type ProgramName = "windlassd" | "windlass-agent" | "windlass";

/** The path of one of the project's programs. */
export const programPath = (name: ProgramName): string => fileURLToPath(new URL(`../../bin/${name}`, import.meta.url));

/** What programs compile is kept from one test to the next: most of the time that tests take is starts. */
const cache = fileURLToPath(new URL("../../node_modules/.cache/tests", import.meta.url));

const stopWithinMs = 15_000;

/** Starts a process with an environment from nothing. */
export function startProgram({ name, command, args = [], env = {}, cwd, input }: ProgramCall): Program {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", LANG: "C.UTF-8", XDG_CACHE_HOME: cache, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const output = collect(child);
  // A program that never reads its input may close it first.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const ended = once(child, "close").then(([code, signal]): Ending => ({ code, signal }));
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} cannot be started`);
  return new RunningProgram({ name, pid, child, ended, output });
}

interface Output {
  stdout: string;
  stderr: string;
}

function collect(child: ChildProcess): Output {
  const output: Output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  return output;
}

interface Parts {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  readonly output: Output;
}

class RunningProgram implements Program {
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #output: Output;

  constructor({ name, pid, child, ended, output }: Parts) {
    this.name = name;
    this.pid = pid;
    this.ended = ended;
    this.#child = child;
    this.#output = output;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  stdout(): string {
    return this.#output.stdout;
  }

  stderr(): string {
    return this.#output.stderr;
  }

  says(pattern: RegExp, deadlineMs = 30_000): Promise<RegExpExecArray> {
    const look = () => {
      const found = pattern.exec(this.#output.stderr) ?? pattern.exec(this.#output.stdout);
      if (found === null && !this.isRunning) throw new Error(`${this.name} has ended: ${this.#tail()}`);
      return found ?? undefined;
    };
    return until(`${this.name} says ${pattern}`, look, { deadlineMs, seen: () => this.#tail() });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ending> {
    this.signal(signal);
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), stopWithinMs);
    const first = await Promise.race([this.ended, late.promise]);
    clearTimeout(timer);
    if (first !== "late") return first;
    this.signal("SIGKILL");
    await this.ended;
    throw new Error(`${this.name} did not end within ${stopWithinMs / 1000} s of ${signal}: ${this.#tail()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) await this.stop();
  }

  #tail(): string {
    return (this.#output.stderr + this.#output.stdout).slice(-4000);
  }
}
