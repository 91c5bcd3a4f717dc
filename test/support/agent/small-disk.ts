import { mkdir } from "node:fs/promises";
import { execa } from "execa";
import { readEnvironment } from "../../../src/lib/environment.ts";

/** A file system of a test's own; disposing it unmounts it, once. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
}

/** Mounts a small file system at a path; undefined, loudly, where this user may not. In CI root has to be able to. */
export async function smallDisk(path: string, kibibytes: number): Promise<SmallDisk | undefined> {
  await mkdir(path, { recursive: true });
  try {
    await execa("mount", ["-t", "tmpfs", "-o", `size=${kibibytes}k,mode=0700`, "windlass-test", path]);
  } catch (error) {
    if ((readEnvironment().CI ?? "") !== "" && process.getuid?.() === 0) throw error;
    console.warn("SKIPPED: a test of a full disk, because this user may not mount a file system");
    return undefined;
  }
  let isMounted = true;
  const unmount = async () => {
    if (isMounted) await execa("umount", ["-l", path]);
    isMounted = false;
  };
  return { path, [Symbol.asyncDispose]: unmount };
}
