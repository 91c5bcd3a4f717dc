import { type BigIntStats, closeSync, constants, lstatSync, opendirSync, openSync, readlinkSync } from "node:fs";
import { setImmediate as otherWork } from "node:timers/promises";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Leaving } from "./scope.ts";

/** One name below a directory, as it was when it was looked at. */
export interface TreeEntry {
  /** Relative to the directory that was walked. */
  readonly path: string;
  readonly kind: "file" | "directory" | "link" | "unusable";
  /** 0 for anything but a file. */
  readonly bytes: number;
  /** Permissions. */
  readonly mode: number;
  /** Differs once anybody has written to it, replaced it or changed its mode. */
  readonly mark: string;
  /** Which file of the machine it is. */
  readonly identity: string;
  /** Target of a link; why something is unusable. */
  readonly note: string;
}

export interface Tree {
  /** Each directory before what is in it, otherwise in the order of bytes. */
  readonly entries: readonly TreeEntry[];
  /** False when there was more than could be looked at. */
  readonly isWhole: boolean;
}

export interface WalkOptions {
  readonly leaves: Leaving;
  readonly maxEntries: number;
  readonly maxDepth: number;
}

/** After so many entries others get their turn. */
const turnEntries = 500;

/**
 * Looks at everything below a directory that a job can write to. Each directory is opened as such, and what is in it is
 * looked at through it: no link leads out, whatever is changed meanwhile. Synchronous calls take a tenth of the time of
 * others here.
 */
export async function walkTree(root: string, options: WalkOptions): Promise<Tree> {
  const walk = new Walk(options);
  const top = openDirectory(root);
  if (top === undefined) {
    throw new WindlassError(
      "validation",
      `the configuration's directory is gone or cannot be read: start the run again`,
    );
  }
  await walk.into(top, "", 1);
  return { entries: walk.entries, isWhole: walk.isWhole };
}

class Walk {
  readonly #options: WalkOptions;
  readonly entries: TreeEntry[] = [];
  isWhole = true;
  /** Names read so far: those that wait for their turn are many, too. */
  #named = 0;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** Takes over the open directory. */
  async into(directory: number, path: string, depth: number): Promise<void> {
    try {
      const here = `/proc/self/fd/${directory}`;
      for (const name of this.#namesIn(here)) {
        if (this.entries.length % turnEntries === turnEntries - 1) await otherWork();
        const inside = this.#take({ here, name, path: path === "" ? name.text : `${path}/${name.text}`, depth });
        if (inside !== undefined) await this.into(inside.directory, inside.path, depth + 1);
      }
    } finally {
      closeSync(directory);
    }
  }

  /** Sorted by bytes; a directory of many millions is not read to its end. */
  #namesIn(directory: string): readonly Name[] {
    const names: string[] = [];
    const left = this.#options.maxEntries - this.#named;
    const opened = opendirSync(directory, { encoding: "latin1", bufferSize: 256 });
    try {
      for (let found = opened.readSync(); found !== null && this.isWhole; found = opened.readSync()) {
        if (names.length < left) names.push(found.name);
        else this.isWhole = false;
      }
    } finally {
      opened.closeSync();
    }
    this.#named += names.length;
    return names.sort().map(nameOf);
  }

  /** Answers the directory, open, if it is one to look into. */
  #take({ here, name, path, depth }: Place): { readonly directory: number; readonly path: string } | undefined {
    if (!this.isWhole || this.#options.leaves(path)) return undefined;
    const at = name.bytes === undefined ? `${here}/${name.text}` : Buffer.concat([Buffer.from(`${here}/`), name.bytes]);
    const found = lstatSync(at, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return undefined;
    if (!name.isText) this.entries.push(entryOf(path, found, { why: "a name that is not valid UTF-8" }));
    else if (!found.isDirectory()) this.entries.push(entryOf(path, found, linkAt(at, found)));
    else return this.#enter(at, { path, depth, found });
    return undefined;
  }

  #enter(at: string | Buffer, { path, depth, found }: Pick<Place, "path" | "depth"> & { readonly found: BigIntStats }) {
    const isTooDeep = depth >= this.#options.maxDepth;
    const directory = isTooDeep ? undefined : openDirectory(at);
    const why = isTooDeep ? `nested deeper than ${depth} levels` : "cannot be read";
    this.entries.push(entryOf(path, found, directory === undefined ? { why } : {}));
    return directory === undefined ? undefined : { directory, path };
  }
}

interface Place {
  readonly here: string;
  readonly name: Name;
  readonly path: string;
  readonly depth: number;
}

interface Name {
  readonly text: string;
  /** Given where the system's name is not the text's own bytes in ASCII. */
  readonly bytes: Buffer | undefined;
  readonly isText: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is what it looks for
const ascii = /^[\u0000-\u007f]*$/;

/** Of a name with one character for each byte. */
function nameOf(latin1: string): Name {
  if (ascii.test(latin1)) return { text: latin1, bytes: undefined, isText: true };
  const bytes = Buffer.from(latin1, "latin1");
  const text = bytes.toString("utf8");
  return { text, bytes, isText: bytes.equals(Buffer.from(text)) };
}

function openDirectory(path: string | Buffer): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

interface Remark {
  readonly target?: string | undefined;
  /** Makes it unusable. */
  readonly why?: string | undefined;
}

function linkAt(at: string | Buffer, found: BigIntStats): Remark {
  if (!found.isSymbolicLink()) return {};
  const target = readlinkSync(at, { encoding: "buffer" });
  return target.equals(Buffer.from(target.toString()))
    ? { target: target.toString() }
    : { why: "a link whose target is not valid UTF-8" };
}

function entryOf(path: string, found: BigIntStats, { target, why }: Remark): TreeEntry {
  const { ino, dev, mode, size, mtimeNs, ctimeNs } = found;
  const kind = why === undefined ? kindOf(found) : "unusable";
  return {
    path,
    kind,
    bytes: found.isFile() ? Number(size) : 0,
    mode: Number(mode & 0o777n),
    identity: `${dev}:${ino}`,
    mark: found.isDirectory() ? "directory" : `${ino}:${mode}:${size}:${mtimeNs}:${ctimeNs}`,
    note: target ?? why ?? oddity(found),
  };
}

function kindOf(found: BigIntStats): TreeEntry["kind"] {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "directory";
  return found.isSymbolicLink() ? "link" : "unusable";
}

function oddity(found: BigIntStats): string {
  if (found.isFIFO()) return "a fifo";
  if (found.isSocket()) return "a socket";
  return found.isFile() || found.isDirectory() ? "" : "a device";
}
