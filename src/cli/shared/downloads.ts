import { open, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";

type Chunks = AsyncIterable<{ readonly chunk: Uint8Array }>;

/** Writes a download to stdout, or to a file (0600) that appears only when it is complete. */
export async function saveBytes(context: Context, chunks: Chunks, file: string | undefined): Promise<void> {
  if (file !== undefined) return saveToFile(chunks, resolve(context.io.workingDirectory, file));
  if (context.printer.isTty) throw usageError("these are bytes, not text: give --file, or send stdout elsewhere");
  for await (const { chunk } of chunks) await context.printer.exact(chunk);
}

async function saveToFile(chunks: Chunks, path: string): Promise<void> {
  const partial = `${path}.part`;
  try {
    await using handle = await open(partial, "w", 0o600);
    for await (const { chunk } of chunks) await handle.write(chunk);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await rename(partial, path);
}
