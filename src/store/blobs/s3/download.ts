import { createHash } from "node:crypto";
import { addAbortSignal } from "node:stream";
import { WindlassError } from "../../../lib/words/errors.ts";
import { missingBlob } from "../intake.ts";
import { isMissing, isPassing, storeFailure } from "./failures.ts";
import { type Asking, bytesFrom } from "./requests.ts";

/** How often in a row a body may break off without a byte before that. */
const maxFailures = 4;
const pauseMs = 200;

/** Which object is wanted, and what of it. */
export interface WantedBytes {
  readonly key: string;
  readonly name: string;
  readonly from: number;
  /** The first byte that is not wanted; absent: the end. */
  readonly to: number | undefined;
}

/**
 * The bytes of an object as they come. A body that breaks off is asked for from there on. One that is wanted as a whole is
 * compared with its name: whoever reads to the end knows that all of it is as it was stored.
 */
export async function* download(asking: Asking, wanted: WantedBytes): AsyncGenerator<Uint8Array> {
  const { bucket, clock, cutOff } = asking;
  const { key, name, from, to } = wanted;
  const hash = from === 0 && to === undefined ? createHash("sha256") : undefined;
  let at = from;
  let total: number | undefined;
  for (let failures = 0; ; ) {
    try {
      const given = await bytesFrom(asking, name, { from: at, to });
      if (given === undefined) {
        if (at > from) throw altered(key);
        return;
      }
      if (total !== undefined && total !== given.totalBytes) {
        given.body.destroy();
        throw altered(key);
      }
      total = given.totalBytes;
      const end = Math.min(total, to ?? total);
      if (cutOff !== undefined) addAbortSignal(cutOff, given.body);
      for await (const bytes of given.body) {
        if (!(bytes instanceof Uint8Array)) throw altered(key);
        // Not every store gives no more than it was asked for.
        const piece = bytes.subarray(0, end - at);
        at += piece.length;
        failures = 0;
        hash?.update(piece);
        yield piece;
        if (at >= end && to !== undefined) break;
      }
      if (at >= end) break;
      failures += 1;
    } catch (error) {
      if (isMissing(error)) throw missingBlob(key);
      if (error instanceof WindlassError || !isPassing(error)) throw storeFailure(error, bucket.shown);
      failures += 1;
      if (failures >= maxFailures || cutOff?.aborted) throw storeFailure(error, bucket.shown);
    }
    if (failures >= maxFailures) throw altered(key);
    await clock.sleep(pauseMs * 2 ** failures, cutOff);
  }
  if (hash !== undefined && hash.digest("hex") !== key) throw altered(key);
}

/** Not to be tried again: it will not be another one. */
const altered = (key: string): WindlassError =>
  new WindlassError(
    "internal",
    `the stored object ${key.slice(0, 12)} is not what was stored: it was changed outside of windlassd, or is cut off`,
  );
