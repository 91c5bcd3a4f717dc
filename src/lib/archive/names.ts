import { type ArchiveLimits, archiveRejected, shownEntry } from "./limits.ts";

type Kind = "file" | "directory" | "link";

interface Known {
  readonly path: string;
  readonly kind: Kind;
  /** True for a directory that only follows from the name of something inside it. */
  readonly implied: boolean;
}

const maxLinkHops = 64;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controls = /[\u0000-\u001f\u007f]/;

/** The name of an entry as a clean relative path ("" is the root), or a refusal. */
export function cleanEntryName(name: string, limits: ArchiveLimits): string {
  const refuse = (why: string): never => {
    throw archiveRejected(name, why);
  };
  if (name === "") refuse("has an empty name");
  if (Buffer.byteLength(name) > limits.maxNameBytes) refuse(`has a name of more than ${limits.maxNameBytes} bytes`);
  if (name.startsWith("/")) refuse("has an absolute name");
  if (/^[A-Za-z]:/.test(name)) refuse("has a name with a drive letter");
  if (name.includes("\\")) refuse("has a backslash in its name");
  if (controls.test(name)) refuse("has a control character in its name");
  if (name.includes("\ufffd")) refuse("has a name that is not valid UTF-8");
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) refuse("leaves the archive with '..'");
  if (segments.length > limits.maxDepth) refuse(`is nested deeper than ${limits.maxDepth} levels`);
  if (segments.some((segment) => Buffer.byteLength(segment) > 255)) refuse("has a name segment of more than 255 bytes");
  return segments.join("/");
}

/**
 * Every name of one archive, counted with the directories that only follow from them. Refuses names that would fall
 * together on some file system (equal up to letter case or Unicode form), a name that is both a directory and something
 * else, and links that lead outside.
 */
export class ArchiveNames {
  readonly #known = new Map<string, Known>();
  readonly #links = new Map<string, string>();
  readonly #limits: ArchiveLimits;
  #bytes = 0;

  constructor(limits: ArchiveLimits) {
    this.#limits = limits;
  }

  add(path: string, kind: Kind): void {
    const segments = path.split("/");
    for (let depth = 1; depth < segments.length; depth += 1) {
      this.#register(segments.slice(0, depth).join("/"), "directory", true, path);
    }
    this.#register(path, kind, false, path);
  }

  addLink(path: string, target: string): void {
    if (target === "") throw archiveRejected(path, "is a link without a target");
    if (Buffer.byteLength(target) > this.#limits.maxNameBytes)
      throw archiveRejected(path, "is a link with an overlong target");
    if (target.startsWith("/")) throw archiveRejected(path, `is a link to the absolute path ${shownEntry(target)}`);
    if (target.includes("\\")) throw archiveRejected(path, "is a link with a backslash in its target");
    if (controls.test(target)) throw archiveRejected(path, "is a link with a control character in its target");
    if (target.includes("\ufffd")) throw archiveRejected(path, "is a link whose target is not valid UTF-8");
    this.add(path, "link");
    this.#links.set(path, target);
  }

  /** Path and target of every link, checked: each stays inside when it is followed through all others. */
  links(): ReadonlyMap<string, string> {
    for (const path of this.#links.keys()) this.checkLink(path);
    return this.#links;
  }

  /** Throws when a link leads outside, followed through all others that were added. */
  checkLink(path: string): void {
    this.#follow(path, this.#links.get(path) ?? "");
  }

  #register(path: string, kind: Kind, implied: boolean, entry: string): void {
    const key = path.normalize("NFKC").toLowerCase();
    const before = this.#known.get(key);
    if (before === undefined) {
      this.#count(path, entry);
      this.#known.set(key, { path, kind, implied });
      return;
    }
    if (before.path !== path) {
      throw archiveRejected(entry, `differs from ${shownEntry(before.path)} only by letter case or Unicode form`);
    }
    if (before.kind === "link" || kind === "link") throw archiveRejected(entry, `meets the link ${shownEntry(path)}`);
    if (before.kind !== kind) throw archiveRejected(entry, `makes ${shownEntry(path)} both a file and a directory`);
    if (kind === "file") throw archiveRejected(entry, "is in the archive twice");
  }

  #count(path: string, entry: string): void {
    const { maxEntries, maxNamesBytes } = this.#limits;
    this.#bytes += Buffer.byteLength(path);
    if (this.#known.size >= maxEntries)
      throw archiveRejected(entry, `is one too many: at most ${maxEntries} entries are taken, with their directories`);
    if (this.#bytes > maxNamesBytes)
      throw archiveRejected(entry, `makes all names together longer than ${maxNamesBytes} bytes`);
  }

  #follow(path: string, target: string): void {
    const outside = (): never => {
      throw archiveRejected(path, `is a link that leads outside (to ${shownEntry(target)})`);
    };
    const place = path.split("/").slice(0, -1);
    const rest = target.split("/");
    let hops = 0;
    for (let segment = rest.shift(); segment !== undefined; segment = rest.shift()) {
      if (segment === "" || segment === ".") continue;
      if (segment === "..") {
        if (place.pop() === undefined) outside();
        continue;
      }
      place.push(segment);
      const next = this.#links.get(place.join("/"));
      if (next === undefined) continue;
      hops += 1;
      if (hops > maxLinkHops) return; // A loop leads nowhere: the kernel answers ELOOP.
      place.pop();
      rest.unshift(...next.split("/"));
    }
  }
}
