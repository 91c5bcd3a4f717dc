import { ArchiveNames, cleanEntryName } from "../../lib/archive/names.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { carriedLimits, maxCarried, nameLimits } from "./limits.ts";
import { innerTarget, type LinkPlaces } from "./links.ts";
import type { ConfigurationRecord } from "./record.ts";
import { holdsWork } from "./scope.ts";
import type { Tree, TreeEntry } from "./walk.ts";

/** Something that a plan made and its apply will not have. */
export interface LostFile {
  readonly path: string;
  readonly bytes: number;
  readonly why: string;
}

/** What a plan made below the configuration. */
export interface PlanMade {
  /** What goes with it, directories before what is in them. The note of a link is its target, relative. */
  readonly carried: readonly TreeEntry[];
  /** What is gone; of a directory with everything in it, only the directory. */
  readonly removed: readonly string[];
  readonly lost: readonly LostFile[];
}

export interface Choosing extends LinkPlaces {
  readonly record: ConfigurationRecord;
  readonly tree: Tree;
  /** How much the control plane takes, before it is compressed. */
  readonly maxBytes: number;
  /** Why it takes nothing; empty if it does. */
  readonly refusal: string;
}

/**
 * Compares the tree with what was there before the plan, and chooses what goes with it: in the order of names, as much
 * as fits.
 */
export async function choosePlanFiles(choosing: Choosing): Promise<PlanMade> {
  const { record, tree } = choosing;
  const choice = new Choice(choosing);
  for (const entry of tree.entries) {
    const isNew = record.marks.get(entry.path) !== entry.mark;
    if (isNew || entry.kind === "unusable") await choice.take(entry);
  }
  const { carried, lost } = choice.end();
  const removed = tree.isWhole ? removedOf(record, tree) : [];
  return { carried, lost, removed: choosing.refusal === "" ? removed : [] };
}

const leadsOut = "a link that leads out of the configuration";

/** A tar has blocks of 512 bytes, one for each name, and up to three more for a long one. */
const blockBytes = 512;
const costOf = ({ path, bytes }: TreeEntry): number =>
  (path.length > 90 ? 4 : 1) * blockBytes + Math.ceil(bytes / blockBytes) * blockBytes;

/** What gzip may add, the end mark, and the list of what is gone. */
const reserveOf = (maxBytes: number): number => Math.ceil(maxBytes / 1_000) + 8 * blockBytes;

class Choice {
  readonly #choosing: Choosing;
  readonly #names = new ArchiveNames(carriedLimits);
  readonly #carried: TreeEntry[] = [];
  readonly #lost: LostFile[] = [];
  #leftBytes: number;

  constructor(choosing: Choosing) {
    this.#choosing = choosing;
    this.#leftBytes = choosing.maxBytes - reserveOf(choosing.maxBytes);
  }

  async take(entry: TreeEntry): Promise<void> {
    if (entry.kind === "unusable") return this.#lose(entry, entry.note);
    if (this.#choosing.refusal !== "") return this.#refuse(entry);
    const target = entry.kind === "link" ? await innerTarget(entry, this.#choosing) : "";
    if (target === undefined) this.#lose(entry, leadsOut);
    else this.#fit({ ...entry, note: target });
  }

  /** Links are known to lead inside only when all of them are here. */
  end(): Pick<PlanMade, "carried" | "lost"> {
    const isSound = (entry: TreeEntry) =>
      entry.kind !== "link" || this.#may(entry, () => this.#names.checkLink(entry.path), leadsOut);
    const carried = this.#carried.filter(isSound);
    return { carried, lost: this.#lost };
  }

  #fit(entry: TreeEntry): void {
    const cost = costOf(entry);
    if (holdsWork(entry.path, this.#choosing.record.workingDirectory)) return;
    if (this.#carried.length >= maxCarried) this.#lose(entry, `at most ${maxCarried} files go with a plan`);
    else if (cost > this.#leftBytes) this.#lose(entry, "");
    else if (this.#may(entry, () => this.#name(entry))) {
      this.#leftBytes -= cost;
      this.#carried.push(entry);
    }
  }

  /** Directories by themselves are worth no word. */
  #refuse(entry: TreeEntry): void {
    if (entry.kind !== "directory") this.#lose(entry, this.#choosing.refusal);
  }

  #name({ path, kind, note }: TreeEntry): void {
    const name = cleanEntryName(path, nameLimits);
    if (kind === "link") this.#names.addLink(name, note);
    else if (kind !== "unusable") this.#names.add(name, kind);
  }

  /** An archive takes no name that another system could read in another way. */
  #may(entry: TreeEntry, rule: () => void, why?: string): boolean {
    try {
      rule();
      return true;
    } catch (error) {
      if (!isWindlassError(error, "archive_rejected")) throw error;
      this.#lose(entry, why ?? error.metadata.why ?? "cannot be packed");
      return false;
    }
  }

  /** Without a reason it is too large. */
  #lose({ path, bytes }: TreeEntry, why: string): void {
    this.#lost.push({ path, bytes, why });
  }
}

/** What was there and is not any more, outside of what nobody could look at. */
function removedOf({ marks, workingDirectory }: ConfigurationRecord, { entries }: Tree): readonly string[] {
  const present = new Set(entries.map(({ path }) => path));
  const closed = new Set(entries.filter(({ kind }) => kind === "unusable").map(({ path }) => path));
  const removed: string[] = [];
  for (const path of marks.keys()) {
    if (present.has(path) || holdsWork(path, workingDirectory)) continue;
    const parents = parentsOf(path);
    const isCovered = parents.some((parent) => closed.has(parent)) || goesWithParent(parents, marks, present);
    if (!isCovered) removed.push(path);
  }
  return removed;
}

const parentsOf = (path: string): readonly string[] =>
  path.split("/").flatMap((_name, depth, names) => (depth === 0 ? [] : [names.slice(0, depth).join("/")]));

/** A directory that is gone takes what was in it along. */
const goesWithParent = (
  parents: readonly string[],
  marks: ReadonlyMap<string, string>,
  present: ReadonlySet<string>,
): boolean => parents.some((parent) => marks.has(parent) && !present.has(parent));
