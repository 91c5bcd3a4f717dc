import { constants } from "node:fs";
import { chmod, type FileHandle, mkdir, open, readdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ArchiveEvent, archiveEvents } from "./entries.ts";
import type { ArchiveSource } from "./gzip.ts";
import { type ArchiveContents, type ArchiveLimits, archiveRejected } from "./limits.ts";
import { ArchiveNames } from "./names.ts";

export type { ArchiveSource } from "./gzip.ts";
export { type ArchiveContents, type ArchiveLimits, defaultArchiveLimits } from "./limits.ts";

/** What is done with each accepted event; `link` comes last, after every other event. */
interface Sink {
  take(event: ArchiveEvent): Promise<void>;
  close(): Promise<void>;
}

/** `plain`: files become 0644 or 0755. `kept`: they get the permissions that the archive tells. */
export type ModePolicy = "plain" | "kept";

const nowhere: Sink = { take: async () => {}, close: async () => {} };

/**
 * Unpacks a gzipped tar into `into`, which must be missing or empty; on failure everything written is removed again.
 * Every rule is applied, and everything counted, before anything is written. Links are made last. Throws
 * `archive_rejected` naming the entry and why.
 */
export async function unpackArchive(
  file: string,
  into: string,
  limits: ArchiveLimits & { readonly signal?: AbortSignal | undefined; readonly modes?: ModePolicy | undefined },
): Promise<ArchiveContents> {
  await mkdir(into, { recursive: true });
  await chmod(into, 0o755);
  if ((await readdir(into)).length > 0) throw new Error(`cannot unpack into ${into}: it is not empty`);
  await pass(file, limits, nowhere);
  const sink = new DirectorySink(into, limits.modes ?? "plain");
  try {
    return await pass(file, limits, sink);
  } catch (error) {
    await sink.close();
    for (const name of await readdir(into)) await rm(join(into, name), { recursive: true, force: true });
    throw error;
  }
}

/** Applies every rule of `unpackArchive` to an archive without writing anything. Throws `archive_rejected`. */
export function checkArchive(
  source: ArchiveSource,
  limits: ArchiveLimits & { readonly signal?: AbortSignal | undefined },
): Promise<ArchiveContents> {
  return pass(source, limits, nowhere);
}

async function pass(
  source: ArchiveSource,
  limits: ArchiveLimits & { readonly signal?: AbortSignal | undefined },
  sink: Sink,
): Promise<ArchiveContents> {
  const names = new ArchiveNames(limits);
  const count = { files: 0, directories: 0, links: 0, bytes: 0, compressedBytes: 0 };
  const onEnd = (bytes: number): void => {
    count.compressedBytes = bytes;
  };
  for await (const event of archiveEvents(source, limits, onEnd)) {
    limits.signal?.throwIfAborted();
    if (event.kind === "link") {
      names.addLink(event.path, event.target);
      count.links += 1;
      continue;
    }
    if (event.kind === "file") {
      names.add(event.path, "file");
      count.files += 1;
      count.bytes += event.bytes;
    } else if (event.kind === "directory") {
      names.add(event.path, "directory");
      count.directories += 1;
    }
    await sink.take(event);
  }
  for (const [path, target] of names.links()) await sink.take({ kind: "link", path, target });
  await sink.close();
  return count;
}

/** Writes into a directory that only this process writes to, which is why no path can turn into a link under it. */
class DirectorySink implements Sink {
  readonly #root: string;
  readonly #modes: ModePolicy;
  readonly #made = new Set<string>();
  #file: FileHandle | undefined;

  constructor(root: string, modes: ModePolicy) {
    this.#root = root;
    this.#modes = modes;
  }

  async take(event: ArchiveEvent): Promise<void> {
    switch (event.kind) {
      case "content":
        return this.#write(event.bytes);
      case "directory":
        await this.close();
        return this.#directory(event.path);
      case "file":
        await this.close();
        await this.#directory(dirname(event.path));
        this.#file = await this.#create(event.path, this.#modeOf(event.mode));
        return;
      case "link":
        await this.close();
        await this.#directory(dirname(event.path));
        return symlink(event.target, join(this.#root, event.path));
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #modeOf(mode: number): number {
    if (this.#modes === "kept") return mode;
    return (mode & 0o111) === 0 ? 0o644 : 0o755;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#file === undefined) throw archiveRejected("", "has content without a file");
      const { bytesWritten } = await this.#file.write(rest);
      rest = rest.subarray(bytesWritten);
    }
  }

  async #directory(path: string): Promise<void> {
    if (path === "." || this.#made.has(path)) return;
    await this.#directory(dirname(path));
    await mkdir(join(this.#root, path), { recursive: true });
    await chmod(join(this.#root, path), 0o755);
    this.#made.add(path);
  }

  /** Modes are the same on every agent, whatever its umask: archives that a configuration makes hold them. */
  async #create(path: string, mode: number): Promise<FileHandle> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(join(this.#root, path), flags, mode);
    await file.chmod(mode).catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    return file;
  }
}
