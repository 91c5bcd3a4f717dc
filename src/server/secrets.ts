import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WindlassError } from "../lib/errors.ts";
import type { Random } from "../lib/random.ts";

export interface MasterKey {
  readonly key: Uint8Array;
  /** The file that was made just now; undefined if the key was there. */
  readonly madeFile: string | undefined;
}

/** The master key: as given in hex, else from `<dataDir>/master.key`, which is made (0600) if it is not there. */
export async function masterKeyOf(dataDir: string, given: string | undefined, random: Random): Promise<MasterKey> {
  if (given !== undefined) return { key: keyIn(given, "WINDLASS_MASTER_KEY"), madeFile: undefined };
  const file = join(dataDir, "master.key");
  const text = await readFile(file, "utf8").catch(ignoreMissing);
  if (text !== undefined) return { key: keyIn(text.trim(), file), madeFile: undefined };
  const key = random.bytes(32);
  await writeSecret(file, `${Buffer.from(key).toString("hex")}\n`);
  return { key, madeFile: file };
}

function keyIn(text: string, source: string): Uint8Array {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  throw new WindlassError(
    "validation",
    `${source}: expected a master key of 64 hex digits, got ${text.length} characters (not shown)`,
  );
}

/** Writes a new file that only its owner reads, durably, in the place of one that may be there. */
export async function writeSecret(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}
