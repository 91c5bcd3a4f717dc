import { PutObjectCommand } from "@aws-sdk/client-s3";
import { deadlineAfter } from "../../../lib/async/abort.ts";
import type { Random } from "../../../lib/random.ts";
import { type Asking, asked, listed, removed } from "./requests.ts";

/** So long after it was announced a deletion begins no request any more. */
const deletionMs = 60_000;
/** After that a deletion that was announced is over, whether somebody said so or not. */
const overMs = 180_000;
const pollMs = 500;

/**
 * Keeps deletions and uploads of several processes apart, by objects that announce deletions. A deletion is announced before it
 * looks how old an object is, and until the object is gone; an upload looks for announcements once it is stored. So either the
 * deletion sees the new object, or the upload sees the deletion, waits for its end, and looks whether its object is still there.
 * This needs a store in which all see at once what was written, as S3 does.
 */
export class Collections {
  readonly #asking: Asking;
  readonly #prefix: string;
  readonly #random: Random;

  constructor(asking: Asking, prefix: string, random: Random) {
    this.#asking = asking;
    this.#prefix = prefix;
    this.#random = random;
  }

  /** Deletes under an announcement. If it fails, what it asked for may still be done: then the announcement stays. */
  async announced<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { bucket, clock } = this.#asking;
    const Key = `${this.#prefix}${this.#random.uuid()}`;
    const put = new PutObjectCommand({ Bucket: bucket.name, Key, Body: new Uint8Array(), ContentLength: 0 });
    using deadline = deadlineAfter(clock, deletionMs);
    await asked(this.#asking, (abortSignal) => bucket.client.send(put, { abortSignal }));
    const result = await work(deadline.signal);
    await removed(this.#asking, Key);
    return result;
  }

  /** Waits until no deletion is under way that was announced before; false if none was. */
  async waitedForSome(): Promise<boolean> {
    const { clock } = this.#asking;
    const { objects } = await listed(this.#asking, this.#prefix, undefined);
    let left = objects.map(({ name }) => name);
    if (left.length === 0) return false;
    for (const sinceMs = clock.monotonicMs(); left.length > 0; ) {
      await clock.sleep(pollMs);
      const { objects: now } = await listed(this.#asking, this.#prefix, undefined);
      const names = new Set(now.map(({ name }) => name));
      left = left.filter((name) => names.has(name));
      if (clock.monotonicMs() - sinceMs < overMs) continue;
      // Who announced them is no more.
      for (const name of left) await removed(this.#asking, name);
      return true;
    }
    return true;
  }
}
