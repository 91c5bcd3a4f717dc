import { open, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Random } from "../../lib/random.ts";
import { isOutOfSpace, makePrivateDirectory } from "./durable-files.ts";

export interface DiskReserveOptions {
  /** The file that takes the space. */
  readonly path: string;
  /** 0 is no reserve. */
  readonly bytes: number;
  /**
   * The reserve is taken only if this much is left beside it, and as much again: what was given away stays away for a
   * while.
   */
  readonly minFreeBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const chunkBytes = 1024 * 1024;
const guardEveryMs = 1_000;
/** With less than this left, or a quarter of the reserve, terraform's own next state is in danger. */
const lowBytes = 16 * 1024 * 1024;

/**
 * Space on the disk that is given away when a state or a journal cannot be written otherwise, and taken back when there is
 * enough. Jobs are taken only while it is there.
 */
export class DiskReserve {
  readonly #options: DiskReserveOptions;
  #isThere = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: DiskReserveOptions) {
    this.#options = options;
  }

  /** How much must be free before the space is taken; 0 if it is there or none is kept. */
  get missingBytes(): number {
    const { bytes, minFreeBytes } = this.#options;
    return bytes === 0 || this.#isThere ? 0 : bytes + Math.max(bytes, minFreeBytes);
  }

  /** Takes the space if need be; false if there is not enough. */
  ensure(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#options.bytes > 0 && !this.#isThere) this.#isThere = (await this.#isWhole()) || (await this.#take());
      return this.#options.bytes === 0 || this.#isThere;
    });
  }

  /** Gives the space away; false if there was none to give. */
  release(why: string): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.#isThere) return false;
      const { path, bytes, log } = this.#options;
      await rm(path, { force: true });
      this.#isThere = false;
      log.warn({ bytes, why }, "disk full: the reserve was given away, and no job is taken until there is space again");
      return true;
    });
  }

  /** Gives the space away before terraform finds none for its state. Resolves when aborted. */
  async guard(signal: AbortSignal): Promise<void> {
    const { bytes, clock, path } = this.#options;
    const low = Math.min(lowBytes, bytes / 4);
    while (bytes > 0 && !signal.aborted) {
      await clock.sleep(guardEveryMs, signal).catch(() => {});
      const isLow = this.#isThere && (await freeBytes(dirname(path)).catch(() => low)) < low;
      if (isLow && !signal.aborted) await this.release("little space is left while an apply runs");
    }
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(action);
    this.#tail = done.catch(() => {});
    return done;
  }

  async #isWhole(): Promise<boolean> {
    const { path, bytes } = this.#options;
    return stat(path).then(
      (found) => found.size === bytes,
      () => false,
    );
  }

  /** Real bytes, so that no file system can save them: neither holes nor compression take space. */
  async #take(): Promise<boolean> {
    const { path, bytes, random, log } = this.#options;
    try {
      await makePrivateDirectory(dirname(path));
      await rm(path, { force: true });
      if ((await freeBytes(dirname(path))) < this.missingBytes) return false;
      await fill(path, bytes, random);
      return true;
    } catch (error) {
      await rm(path, { force: true }).catch(() => {});
      if (!isOutOfSpace(error)) log.error({ err: error, path }, "the reserve cannot be written");
      return false;
    }
  }
}

async function fill(path: string, bytes: number, random: Random): Promise<void> {
  const chunk = random.bytes(Math.min(bytes, chunkBytes));
  await using file = await open(path, "wx", 0o600);
  for (let at = 0; at < bytes; at += chunk.length) await file.write(chunk, 0, Math.min(chunk.length, bytes - at), at);
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
