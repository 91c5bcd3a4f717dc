import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { unpackArchive } from "../../lib/archive/unpack.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { type ChosenRelease, maxArtifactBytes } from "./check.ts";
import type { UpdateArtifact } from "./manifest.ts";
import { refusal, type UpdateRefusal } from "./refusal.ts";
import type { Slots } from "./slots.ts";
import type { UpdateSource } from "./sources.ts";

/** Room for the archive, and for what is in it. */
const roomFactor = 6;

/** What may be in an archive that three keys vouch for: still no more than this. */
const archiveLimits = {
  maxCompressedBytes: maxArtifactBytes,
  maxExpandedBytes: 2 * 1024 * 1024 * 1024,
  maxEntries: 20_000,
  maxNamesBytes: 8 * 1024 * 1024,
  maxRatio: 200,
  ratioFromBytes: 8 * 1024 * 1024,
  maxDepth: 32,
  maxNameBytes: 1024,
  maxFileBytes: 1024 * 1024 * 1024,
};

interface BringOptions {
  readonly slots: Slots;
  readonly source: Pick<UpdateSource, "fetch">;
  readonly minFreeBytes: number;
}

export type Brought = { readonly kind: "brought" } | UpdateRefusal;

/** Brings a chosen version into its slot: room, size, hash, unpacking. What came of a download that broke off is kept. */
export async function bringRelease(
  { slots, source, minFreeBytes }: BringOptions,
  { release, artifact }: ChosenRelease,
  signal: AbortSignal,
): Promise<Brought> {
  if (await slots.has(release.version, artifact.sha256)) return { kind: "brought" };
  const needed = artifact.size * roomFactor + minFreeBytes;
  const { bavail, bsize } = await statfs(slots.root);
  if (bavail * bsize < needed)
    return refusal(
      "NO_SPACE",
      `there are ${bavail * bsize} bytes free for version ${release.version}, and ${needed} are needed`,
    );
  const file = join(slots.root, `${artifact.sha256}.partial`);
  try {
    await tidyPartial(slots.root, file);
    await source.fetch(artifact, file, signal);
    failpoint("updater.downloaded");
    const problem = await problemOf(file, artifact);
    if (problem !== undefined) {
      await rm(file, { force: true });
      return refusal("DOWNLOAD", problem);
    }
    return await unpack(slots, { file, version: release.version, sha256: artifact.sha256 }, signal);
  } catch (error) {
    signal.throwIfAborted();
    const isFull = ["ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "");
    return refusal(isFull ? "NO_SPACE" : "DOWNLOAD", `${artifact.file} cannot be had: ${messageOf(error)}`);
  }
}

async function problemOf(file: string, { size, sha256, file: name }: UpdateArtifact): Promise<string | undefined> {
  const hash = createHash("sha256");
  let bytes = 0;
  const stream = createReadStream(file);
  stream.on("data", (chunk) => {
    bytes += chunk.length;
  });
  await pipeline(stream, hash);
  if (bytes !== size) return `${name} has ${bytes} bytes, and the manifest says ${size}`;
  const found = hash.digest("hex");
  return found === sha256 ? undefined : `${name} has SHA-256 ${found}, and the manifest says ${sha256}`;
}

async function unpack(
  slots: Slots,
  { file, version, sha256 }: { readonly file: string; readonly version: string; readonly sha256: string },
  signal: AbortSignal,
): Promise<Brought> {
  const into = join(slots.root, `${version}.unpacking`);
  await rm(into, { recursive: true, force: true });
  try {
    await unpackArchive(file, into, { ...archiveLimits, signal });
    failpoint("updater.unpacked");
    const [top, ...others] = await readdir(into);
    if (top === undefined || others.length > 0) {
      await rm(file, { force: true });
      return refusal("DOWNLOAD", `the archive of version ${version} has not one directory at its top`);
    }
    await slots.place(join(into, top), version, sha256);
    failpoint("updater.placed");
    await rm(file, { force: true });
    return { kind: "brought" };
  } catch (error) {
    if (!isWindlassError(error, "archive_rejected")) throw error;
    await rm(file, { force: true });
    return refusal("DOWNLOAD", messageOf(error));
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}

/** What came of other versions makes room. */
async function tidyPartial(root: string, keep: string): Promise<void> {
  for (const name of await readdir(root)) {
    const path = join(root, name);
    if (name.endsWith(".partial") && path !== keep) await rm(path, { force: true });
  }
}
