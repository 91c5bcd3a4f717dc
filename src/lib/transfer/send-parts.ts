import { WindlassError } from "../words/errors.ts";
import { inOrder } from "./in-order.ts";
import type { TransferPace } from "./transfer-pace.ts";

export interface PartsToSend {
  readonly pace: TransferPace;
  readonly sizeBytes: number;
  readonly read: (offset: number, bytes: number) => Promise<Uint8Array>;
  /** Sends a part; answers the first byte that the other side does not have. An empty one only asks. */
  readonly put: (offset: number, chunk: Uint8Array, signal: AbortSignal) => Promise<number>;
  /** Hears how much the other side has. */
  readonly onSent: (bytes: number) => void;
}

/**
 * Brings the other side whatever it does not have of an object yet: it is asked first, so that this goes on where an
 * earlier try has stopped. Rejects with the first failure; trying again costs one question.
 */
export async function sendParts(
  { pace, sizeBytes, read, put, onSent }: PartsToSend,
  signal: AbortSignal,
): Promise<void> {
  let has = await put(0, new Uint8Array(), signal);
  onSent(has);
  while (has < sizeBytes) {
    const before = has;
    const move = async ({ offset, bytes }: { readonly offset: number; readonly bytes: number }) =>
      put(offset, await read(offset, bytes), signal);
    const take = async (answer: number) => {
      has = Math.max(has, answer);
      onSent(has);
    };
    await inOrder({ pace, from: before, to: sizeBytes, move, take }, signal);
    if (has <= before)
      throw new WindlassError("storage_unavailable", `the server has ${has} of ${sizeBytes} bytes, and takes no more`);
  }
}
