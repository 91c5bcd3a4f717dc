import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

/** A process that works in a directory, or was called with a path in it. */
export interface Straggler {
  readonly pid: number;
  readonly command: string;
}

/** Where agents link the work of their runs when they are not told otherwise. */
export const workRoot = "/tmp/windlass-work";

/** The processes whose directory or command line lies in `directory`. */
export function processesIn(directory: string): readonly Straggler[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = attempt(() => readFileSync(`/proc/${name}/cmdline`, "utf8"))
        .replaceAll("\0", " ")
        .trim();
      const cwd = attempt(() => readlinkSync(`/proc/${name}/cwd`));
      // A process that has ended and was not waited for has neither.
      return `${command} ${cwd}`.includes(directory) && cwd !== "" ? [{ pid: Number(name), command }] : [];
    });
}

/** The work links that lead into `directory`. */
export const workLinksTo = (directory: string): readonly string[] =>
  attemptList(() => readdirSync(workRoot))
    .map((name) => join(workRoot, name))
    .filter((path) => attempt(() => readlinkSync(path)).startsWith(directory));

/** Fails when a process or a work link of the directory is left after a short while, having ended and removed it. */
export async function expectNothingLeft(directory: string): Promise<void> {
  const look = () => ({ processes: processesIn(directory), links: workLinksTo(directory) });
  try {
    await until("no process and no work link is left", () => isEmpty(look()), { deadlineMs: 3_000, seen: look });
  } catch (error) {
    const { processes, links } = look();
    for (const { pid } of processes) attempt(() => `${process.kill(pid, "SIGKILL")}`);
    for (const path of links) rmSync(path, { force: true });
    throw error;
  }
}

const isEmpty = ({
  processes,
  links,
}: {
  readonly processes: readonly unknown[];
  readonly links: readonly unknown[];
}) => processes.length === 0 && links.length === 0;

function attempt(look: () => string): string {
  try {
    return look();
  } catch {
    return "";
  }
}

function attemptList(look: () => readonly string[]): readonly string[] {
  try {
    return look();
  } catch {
    return [];
  }
}
