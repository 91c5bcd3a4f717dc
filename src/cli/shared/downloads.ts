import { open, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";

/** Begins a download. It has to be read at once: a call that fails before somebody reads it ends the program. */
type Download = () => AsyncIterable<{ readonly chunk: Uint8Array }>;

/** Writes a download to stdout, or to a file (0600) that appears only when it is complete. */
export async function saveBytes(context: Context, download: Download, file: string | undefined): Promise<void> {
  if (file !== undefined) return saveToFile(download, resolve(context.io.workingDirectory, file));
  if (context.printer.isTty) throw usageError("these are bytes, not text: give --file, or send stdout elsewhere");
  for await (const { chunk } of download()) await context.printer.exact(chunk);
}

async function saveToFile(download: Download, path: string): Promise<void> {
  const partial = `${path}.part`;
  try {
    await using handle = await open(partial, "w", 0o600);
    for await (const { chunk } of download()) await handle.write(chunk);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await rename(partial, path);
}
