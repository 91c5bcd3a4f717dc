import { readFile } from "node:fs/promises";
import type { Within } from "../../test/support/programs.ts";

/** What of a program's doings costs a wait: syncs, and processes. */
const watched = "trace=fsync,fdatasync,execve";

/**
 * Starts a program under strace, which writes what it and its children do to a file. Filtered in the kernel, so that the rest of it
 * is as fast as ever; the tracer is a grandchild, so that the program has the pid that was started.
 */
export const traced =
  (file: string): Within =>
  (call) => ({
    command: "strace",
    args: ["-D", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "300", "-ttt", "-e", watched, "-o", file, ...call],
  });

/** One thing that a traced program did. */
export interface Doing {
  /** Since 1970. */
  readonly ms: number;
  readonly pid: number;
  readonly what: "sync" | "exec" | "exit";
  /** The file, the command or the status. */
  readonly detail: string;
}

const syncLine = /^f(?:data)?sync\(\d+<(.*?)>/;
const execLine = /^execve\("[^"]*", \[(.*?)\], .*= 0$/;

function doingOf(line: string): readonly Doing[] {
  const [, pid, seconds, rest = ""] = /^(\d+)\s+(\d+\.\d+) (.*)$/.exec(line) ?? [];
  const at = { ms: Number(seconds) * 1000, pid: Number(pid) };
  const [, file] = syncLine.exec(rest) ?? [];
  if (file !== undefined) return [{ ...at, what: "sync", detail: file }];
  const [, args] = execLine.exec(rest) ?? [];
  if (args !== undefined) return [{ ...at, what: "exec", detail: commandOf(args) }];
  const [, status] = /^\+\+\+ (.*) \+\+\+$/.exec(rest) ?? [];
  return status === undefined ? [] : [{ ...at, what: "exit", detail: status }];
}

/** Of a shell with a script only the name, of others the first words. */
function commandOf(args: string): string {
  const words = args.split(", ").map((word) => word.replace(/^"|"(?:\.\.\.)?$/g, ""));
  const name = words[0]?.split("/").at(-1) ?? "";
  return name === "sh" ? name : [name, ...words.slice(1, 3)].join(" ");
}

/** What a trace holds of a span of time, in order. */
export async function doingsBetween(file: string, fromMs: number, toMs: number): Promise<readonly Doing[]> {
  const lines = (await readFile(file, "utf8")).split("\n");
  return lines.flatMap(doingOf).filter(({ ms }) => ms >= fromMs && ms <= toMs);
}
