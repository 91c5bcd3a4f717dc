import { mkdir, open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { readEnvironment } from "../../src/lib/environment.ts";

/** True when a small file system can be mounted here; a loud word says when not, and CI fails. */
export const canMount = process.getuid?.() === 0;

if (!canMount) {
  if (readEnvironment().CI !== undefined) throw new Error("tests of full disks mount small ones: CI must run as root");
  console.warn("SKIPPED: tests of full disks, because only root can mount a small one");
}

/** A file system in memory that can be filled. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Leaves no byte free. */
  fill(): Promise<void>;
  /** Makes the space free again. */
  drain(): Promise<void>;
}

export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk> {
  await mkdir(path);
  await execa("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
  const ballast = join(path, "ballast");
  return {
    path,
    fill: () => fill(path, ballast),
    drain: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: async () => {
      // Lazily: what still has it open is about to be ended.
      await execa("umount", ["-l", path]);
    },
  };
}

async function fill(path: string, ballast: string): Promise<void> {
  await using file = await open(ballast, "a");
  for (const bytes of [1 << 20, 4096]) {
    for (;;) {
      const { bavail, bsize } = await statfs(path);
      if (bavail * bsize < bytes) break;
      const isFull = await file.appendFile(Buffer.alloc(bytes)).then(
        () => false,
        () => true,
      );
      if (isFull) break;
    }
  }
}
