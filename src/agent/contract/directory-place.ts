import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { readBootId } from "../steps/process-identity.ts";

/** Where a directory is: on which run of which machine, and which one there. A copy is elsewhere, a move is not. */
export interface DirectoryPlace {
  /** Empty where the system names none. */
  readonly machineBoot: string;
  /** Device and inode: the device is the same only in one run of a machine. */
  readonly device: string;
  readonly inode: string;
}

export async function placeOf(directory: string): Promise<DirectoryPlace> {
  const { dev, ino } = await stat(directory, { bigint: true });
  return { machineBoot: await readBootId(), device: String(dev), inode: String(ino) };
}

/** The place as one word that tells nothing of the machine. */
export const placeWord = ({ machineBoot, device, inode }: DirectoryPlace): string =>
  createHash("sha256").update(`${machineBoot} ${device} ${inode}`).digest("hex").slice(0, 32);

/** True if the directory that was there is surely another one: a copy was made of it. */
export function isCopy(before: DirectoryPlace, now: DirectoryPlace): boolean {
  if (before.inode !== now.inode) return true;
  return before.machineBoot === now.machineBoot && before.device !== now.device;
}
