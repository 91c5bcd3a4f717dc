import { readFile, writeFile } from "node:fs/promises";
import * as z from "zod";
import { readBootId } from "../steps/process-identity.ts";
import type { Tree } from "./walk.ts";

const recordShape = z.object({
  bootId: z.string(),
  workingDirectory: z.string(),
  placed: z.array(z.string()).readonly(),
  /** Path, mark, path, mark, …: names that a job has chosen are no keys of an object. */
  marks: z.array(z.string()),
});

/** What lay below the configuration before terraform was started. */
export interface ConfigurationRecord {
  /** Terraform's directory, relative to the configuration's and free of links; "" if it is the same. */
  readonly workingDirectory: string;
  /** Files that the agent has put there. */
  readonly placed: readonly string[];
  /** Paths, and what tells that something was changed. */
  readonly marks: ReadonlyMap<string, string>;
}

/**
 * Writes it where the job cannot reach it. It outlives this process, and not the machine: what was written while planning
 * may be torn then.
 */
export async function writeRecord(path: string, { marks, ...facts }: ConfigurationRecord): Promise<void> {
  const record = { bootId: await readBootId(), ...facts, marks: [...marks].flat() };
  await writeFile(path, JSON.stringify(record), { mode: 0o600 });
}

export const marksOf = ({ entries }: Tree): ReadonlyMap<string, string> =>
  new Map(entries.map(({ path, mark }) => [path, mark]));

/** Undefined when it is not there in whole, or the machine was started again since. */
export async function readRecord(path: string): Promise<ConfigurationRecord | undefined> {
  try {
    const { bootId, marks, ...facts } = recordShape.parse(JSON.parse(await readFile(path, "utf8")));
    if (bootId !== (await readBootId())) return undefined;
    return { ...facts, marks: pairs(marks) };
  } catch {
    return undefined;
  }
}

function pairs(texts: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < texts.length; at += 2) found.set(texts[at] ?? "", texts[at + 1] ?? "");
  return found;
}
