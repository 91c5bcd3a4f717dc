import { constants, existsSync } from "node:fs";
import { access, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { type ProgramOptions, runProgram } from "../../lib/program/run-program.ts";
import type { SandboxMode } from "../contract/config.ts";
import { type Bubblewrap, type BubblewrapExtra, bubblewrapArgv, bubblewrapExtras } from "./bubblewrap.ts";

/** How the processes of a job are kept apart from the machine. */
export type Sandbox = { readonly kind: "none" } | ({ readonly kind: "bwrap" } & Bubblewrap);

export type SandboxChoice =
  /** `why` says why it is not a better one. */
  | { readonly kind: "chosen"; readonly sandbox: Sandbox; readonly why: string }
  /** What was asked for does not work here. */
  | { readonly kind: "unusable"; readonly why: string };

const probeDeadlineMs = 10_000;
const probeOptions: ProgramOptions = { env: { PATH: "/usr/bin:/bin" }, cwd: "/", timeoutMs: probeDeadlineMs };

/** Finds out which sandbox works on this machine, by running a program in it. */
export async function chooseSandbox(wish: SandboxMode, searchPath: string): Promise<SandboxChoice> {
  if (wish === "none") return { kind: "chosen", sandbox: { kind: "none" }, why: "it was asked for" };
  const program = await findProgram(searchPath);
  const tried = program === undefined ? notInstalled : await triedOnce(program);
  if (tried.kind === "works")
    return { kind: "chosen", sandbox: { kind: "bwrap", ...tried.bubblewrap }, why: lacking(tried.bubblewrap) };
  const { why } = tried;
  return wish === "auto" ? { kind: "chosen", sandbox: { kind: "none" }, why } : { kind: "unusable", why };
}

/** What a sandbox lacks that a newer bubblewrap, or another machine, would have. */
function lacking({ extras }: Bubblewrap): string {
  const missing = bubblewrapExtras.filter((extra) => !extras.includes(extra));
  return missing.length === 0 ? "" : `without ${missing.join(", ")}: not known or not possible here`;
}

type Trial =
  | { readonly kind: "works"; readonly bubblewrap: Bubblewrap }
  | { readonly kind: "broken"; readonly why: string };

const notInstalled: Trial = { kind: "broken", why: "bwrap is not installed" };

const trials = new Map<string, Promise<Trial>>();

/** A program that works is not tried again before its file changes: a server asks for itself and for its agent. */
async function triedOnce(program: string): Promise<Trial> {
  const { mtimeMs, size, ino } = await stat(program);
  const key = `${program}\0${mtimeMs}\0${size}\0${ino}`;
  const trial = trials.get(key) ?? tryBubblewrap(program);
  trials.set(key, trial);
  const tried = await trial;
  if (tried.kind === "broken") trials.delete(key);
  return tried;
}

/** Tries bubblewrap with as many of its extras as work here. */
async function tryBubblewrap(program: string): Promise<Trial> {
  // Nearly always all work: then this is the only program that is started.
  if ((await whyNot({ program, extras: bubblewrapExtras })) === undefined)
    return { kind: "works", bubblewrap: { program, extras: bubblewrapExtras } };
  const help = await helpOf(program);
  const known = bubblewrapExtras.filter((extra) => help.includes(extra) || existsSync(extra));
  if ((await whyNot({ program, extras: known })) === undefined)
    return { kind: "works", bubblewrap: { program, extras: known } };
  const why = await whyNot({ program, extras: [] });
  if (why !== undefined) return { kind: "broken", why };
  const extras: BubblewrapExtra[] = [];
  for (const extra of known) if ((await whyNot({ program, extras: [extra] })) === undefined) extras.push(extra);
  return { kind: "works", bubblewrap: { program, extras } };
}

async function findProgram(searchPath: string): Promise<string | undefined> {
  for (const directory of [...searchPath.split(delimiter), "/usr/bin"]) {
    const file = join(directory, "bwrap");
    const isProgram =
      isAbsolute(file) &&
      (await access(file, constants.X_OK).then(
        () => true,
        () => false,
      ));
    if (isProgram) return file;
  }
  return undefined;
}

async function helpOf(program: string): Promise<string> {
  const { stdout, stderr } = await runProgram(program, ["--help"], probeOptions);
  return stdout + stderr;
}

/** Why a program cannot be run in bubblewrap here; undefined when it can. */
async function whyNot(bubblewrap: Bubblewrap): Promise<string | undefined> {
  const work = await mkdtemp(join(tmpdir(), "windlass-sandbox-"));
  const place = "/tmp/windlass-work/probe";
  const probe = { argv: ["/bin/sh", "-c", ": > probe"], work, place, cwd: place, readable: [] };
  // Descriptor 3 has to be there.
  const argv = ["-c", 'exec "$@" 3>/dev/null', "sh", ...bubblewrapArgv(bubblewrap, probe)];
  try {
    return await complaint(argv);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function complaint(argv: readonly string[]): Promise<string | undefined> {
  const { failure, stderr } = await runProgram("/bin/sh", argv, probeOptions);
  if (failure === undefined) return undefined;
  const said = stderr.trim().split("\n").at(-1) ?? "";
  return `bwrap does not work here: ${said === "" ? failure : said}`;
}
