import { setTimeout as pause } from "node:timers/promises";
import { styleText } from "node:util";
import { execa } from "execa";

/** What the story cannot go on from; the message is for people. */
export class StoryError extends Error {}

export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of the story. */
export interface Actor {
  readonly ended: Promise<Ending>;
  readonly isRunning: boolean;
  signal(name: NodeJS.Signals): void;
}

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the story has to end. */
  readonly signal: AbortSignal;
}

export interface StartOptions {
  /** Called with each line of its output as it comes. */
  readonly onLine?: ((line: string, stream: "stdout" | "stderr") => void) | undefined;
}

const out = (text: string) => process.stdout.write(text);

export const heading = (text: string): void => void out(`\n${styleText("bold", text)}\n\n`);
export const showCommand = (line: string): void => void out(`${styleText("cyan", `$ ${line}`)}\n`);
export const showLine = (line: string): void => void out(line === "" ? "\n" : `  ${line}\n`);
export const note = (text: string): void => void out(`${styleText("dim", text)}\n`);

/** What a program of the story may say in all. */
const maxOutputBytes = 2 ** 28;

/**
 * Starts a shell command. It leads a process group of its own: Ctrl-C in a terminal reaches only the story, which then
 * ends what it has started in good order.
 */
export function start(line: string, env: NodeJS.ProcessEnv, { onLine }: StartOptions = {}): Actor {
  const child = execa("sh", ["-c", `exec ${line}`], {
    ...{ env, extendEnv: false, detached: true, cleanup: false, reject: false },
    ...{ stdin: "ignore", maxBuffer: maxOutputBytes },
  });
  const read = async (stream: "stdout" | "stderr") => {
    for await (const text of child.iterable({ from: stream })) onLine?.(text, stream);
  };
  let isRunning = true;
  const ended = Promise.all([child, read("stdout"), read("stderr")]).then(([result]): Ending => {
    isRunning = false;
    const { exitCode = null, stdout, stderr } = result;
    return { code: exitCode, stdout, stderr };
  });
  return {
    ended,
    get isRunning() {
      return isRunning;
    },
    signal: (name) => void (isRunning && child.kill(name)),
  };
}

/** Runs a command to its end, without showing it. */
export const run = (line: string, env: NodeJS.ProcessEnv): Promise<Ending> => start(line, env).ended;

/** Shows a command, runs it, and shows its answer. Fails with what it said if it fails. */
export async function perform(line: string, { env, signal }: Surroundings): Promise<void> {
  if (signal.aborted) throw new StoryError(`stopped before: ${line}`);
  showCommand(line);
  const onLine = (text: string, stream: "stdout" | "stderr") => stream === "stdout" && showLine(text);
  const { code, stderr } = await start(line, env, { onLine }).ended;
  if (code !== 0) throw new StoryError(`the command ended with exit code ${code}\n${stderr}`);
}

/** Looks again and again until there is something to see. */
export async function until<Seen>(
  awaited: string,
  look: () => Promise<Seen | undefined>,
  signal: AbortSignal,
): Promise<Seen> {
  for (;;) {
    if (signal.aborted) throw new StoryError(`stopped while waiting: ${awaited}`);
    const seen = await look();
    if (seen !== undefined) return seen;
    await pause(50);
  }
}

/**
 * Asks a process to end and waits; one that takes longer than `graceMs`, or than `hurry` allows, is ended. Tells
 * whether it went by itself.
 */
export async function dismiss(actor: Actor, graceMs: number, hurry: AbortSignal): Promise<boolean> {
  actor.signal("SIGTERM");
  const gone = new AbortController();
  const late = pause(graceMs, true, { signal: AbortSignal.any([gone.signal, hurry]) }).catch(() => true);
  const isLate = await Promise.race([late, actor.ended.then(() => false)]);
  gone.abort();
  if (isLate) actor.signal("SIGKILL");
  await actor.ended;
  return !isLate;
}
