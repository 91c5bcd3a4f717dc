import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "../values/errors.ts";

/**
 * Opens for reading a file in whose place somebody else may have put a link, a pipe or a device: undefined unless it is
 * a regular file. Never waits for a writer; rejects when nothing is there.
 */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(unlessOther);
  try {
    if (file === undefined || (await file.stat()).isFile()) return file;
  } catch (error) {
    await file?.close();
    throw error;
  }
  await file.close();
  return undefined;
}

/** A link, and a socket. */
function unlessOther(error: unknown): undefined {
  if (["ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) return undefined;
  throw error;
}
