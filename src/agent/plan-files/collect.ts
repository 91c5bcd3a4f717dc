import { realpath } from "node:fs/promises";
import { relative } from "node:path";
import { choosePlanFiles } from "./choose.ts";
import { maxCarriedBytes, maxWalked, maxWalkedDepth } from "./limits.ts";
import type { LinkPlaces } from "./links.ts";
import { type PackedFiles, packPlanFiles } from "./pack.ts";
import { marksOf, readRecord, writeRecord } from "./record.ts";
import { outOfScope } from "./scope.ts";
import { tellPlanFiles } from "./tell.ts";
import { walkTree } from "./walk.ts";

const bounds = { maxEntries: maxWalked, maxDepth: maxWalkedDepth };

export interface Recording {
  readonly root: string;
  /** Terraform's directory. */
  readonly directory: string;
  /** Files that the agent has put there. */
  readonly placed: readonly string[];
}

/** Writes down what lies below a configuration, before any process of the job is started. */
export async function recordConfiguration(
  file: string,
  { root, directory, placed: placedFiles }: Recording,
): Promise<void> {
  const workingDirectory = await workingDirectoryOf(root, directory);
  const placed = await Promise.all(
    placedFiles.map(async (path) => relative(await realpath(root), await realpath(path))),
  );
  const tree = await walkTree(root, { ...bounds, leaves: outOfScope(workingDirectory, placed) });
  await writeRecord(file, { workingDirectory, placed, marks: marksOf(tree) });
}

/** Terraform's directory relative to the configuration's, whatever links lead to it. */
export const workingDirectoryOf = async (root: string, directory: string): Promise<string> =>
  relative(await realpath(root), await realpath(directory));

export interface Collecting extends LinkPlaces {
  readonly record: string;
  readonly archive: string;
  /** How much the control plane takes; undefined if it takes nothing. */
  readonly maxBytes: number | undefined;
  readonly signal: AbortSignal;
}

export type Collected =
  /** Nobody knows what was there before. */
  | { readonly kind: "unknown" }
  | {
      readonly kind: "collected";
      /** Undefined if nothing goes with the plan. */
      readonly packed: PackedFiles | undefined;
      /** What the log says of it; empty if there is nothing to say. */
      readonly told: string;
    };

/** Packs what a plan has made, when no process of the job is left but one that shows the plan. The same again gives the same. */
export async function collectPlanFiles(collecting: Collecting): Promise<Collected> {
  const { root, seenRoot, archive, signal } = collecting;
  const record = await readRecord(collecting.record);
  if (record === undefined) return { kind: "unknown" };
  const tree = await walkTree(root, { ...bounds, leaves: outOfScope(record.workingDirectory, record.placed) });
  const maxBytes = Math.min(collecting.maxBytes ?? 0, maxCarriedBytes);
  const refusal = maxBytes > 0 ? "" : refused;
  const made = await choosePlanFiles({ record, tree, root, seenRoot, maxBytes, refusal });
  const isNothing = made.carried.length === 0 && made.removed.length === 0;
  const packed = isNothing ? undefined : await packPlanFiles(root, made, { file: archive, signal });
  const cut = tree.isWhole
    ? ""
    : `\nWindlass: the plan made more than ${maxWalked} files: the apply will NOT have all of them\n`;
  return { kind: "collected", packed, told: tellPlanFiles(made, maxBytes) + cut };
}

const refused =
  "the control plane takes no files of plans, because it is of an older version or because of --max-plan-files-size 0";
