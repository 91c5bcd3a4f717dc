import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeSync,
} from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { ApplyWords } from "../../../terraform/output/apply-words.ts";
import {
  type Destroyed,
  deposedIn,
  isDestroyed,
  type NewlyDeposed,
} from "../../../terraform/output/deposed-objects.ts";
import { plannedImports } from "../../../terraform/plan/imports.ts";
import type { Execution } from "../execution.ts";
import { stateFileOf } from "./state-place.ts";

/** A job can print events of its own: so often, and so much, the state is looked at for the words of a log. */
const mostLooks = 1_000;
const mostBytes = 512 * 1024 * 1024;
const largestState = 16 * 1024 * 1024;
/** Terraform rewrites its state in place: a torn one is whole a moment later. */
const tries = 3;

/** What an apply's log says that its events do not tell. */
export async function applyWords(execution: Pick<Execution, "job" | "ready" | "place">): Promise<ApplyWords> {
  const { files } = execution.job;
  const imports = await plannedImports(files.planFile);
  const before = deposedIn(await initialState(files.initialState));
  const known = new Set(before.map(({ key }) => key));
  const state = { file: stateFileOf(execution), within: files.work };
  return { imports, before, newlyDeposed: lookUp(join(files.raw, "deposed-keys"), state, known) };
}

/** What the control plane gave: a job of before has written it. */
async function initialState(path: string): Promise<string> {
  try {
    return (await stat(path)).size > largestState ? "" : await readFile(path, "utf8");
  } catch {
    return "";
  }
}

interface StatePlace {
  readonly file: string;
  /** What lies outside of it is not the job's state, wherever its path leads. */
  readonly within: string;
}

/**
 * Looks the keys up in terraform's state, in which an object is deposed from the creation of the other one until it is
 * destroyed. What was found once is written down before it is told: after a restart the same events have the same
 * words.
 */
function lookUp(recordFile: string, state: StatePlace, known: ReadonlySet<string>): NewlyDeposed {
  const told = new Set(known);
  const records = linesOf(recordFile);
  let asked = 0;
  let bytes = 0;
  const look = (destroyed: Destroyed): string => {
    for (let attempt = 0; attempt < tries && asked <= mostLooks && bytes < mostBytes; attempt++) {
      const text = stateText(state);
      bytes += text.length;
      const found = deposedIn(text).find((one) => !told.has(one.key) && isDestroyed(one, destroyed));
      if (found !== undefined) return found.key;
    }
    return "";
  };
  return (destroyed) => {
    const recorded = records[asked++];
    const key = recorded ?? look(destroyed);
    if (recorded === undefined && asked <= mostLooks && !isRecorded(recordFile, key)) return "";
    if (key !== "") told.add(key);
    return key;
  };
}

const linesOf = (path: string): readonly string[] => {
  try {
    return readFileSync(path, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
};

/** The log says the key right after this: it must not say another one after a restart. False when the disk is full. */
function isRecorded(path: string, key: string): boolean {
  try {
    const file = openSync(path, "a", 0o600);
    try {
      writeSync(file, `${key}\n`);
      fsyncSync(file);
      return true;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** Nothing of it, when it is too large or no state of the job's. */
function stateText({ file, within }: StatePlace): string {
  try {
    const opened = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = fstatSync(opened);
      if (!found.isFile() || found.size > largestState) return "";
      const place = readlinkSync(`/proc/self/fd/${opened}`);
      return place.startsWith(`${realpathSync(within)}${sep}`) ? readFileSync(opened, "utf8") : "";
    } finally {
      closeSync(opened);
    }
  } catch {
    return "";
  }
}
