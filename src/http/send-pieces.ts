import { taken } from "../lib/async/pace.ts";
import type { Clock } from "../lib/clock.ts";
import { breakOff } from "./drain.ts";
import type { HttpResponse } from "./messages.ts";

/** Of one piece: so that a receiver that reads slowly is told from one that does not read. */
const pieceBytes = 64 * 1024;

/** Sends a body in pieces, at the pace of its receiver, and ends the answer. A receiver that does not read is cut off. */
export async function sendPieces(
  response: HttpResponse,
  pieces: AsyncIterable<Uint8Array>,
  clock: Clock,
): Promise<void> {
  const gone = new Promise<void>((resolve) => response.once("close", resolve));
  for await (const piece of takenPieces(pieces, response, clock)) {
    if (response.destroyed || response.writableEnded) return;
    const isFull = "stream" in response ? !response.write(piece) : !response.write(piece);
    if (isFull) await Promise.race([gone, drainOf(response)]);
  }
  response.end();
}

/** The pieces, each a small one, while their receiver takes them: one that does not read is cut off. */
export const takenPieces = (
  pieces: AsyncIterable<Uint8Array>,
  response: HttpResponse,
  clock: Clock,
): AsyncGenerator<Uint8Array, void> => taken(smallPieces(pieces), clock, () => breakOff(response));

async function* smallPieces(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces)
    for (let from = 0; from < piece.length; from += pieceBytes) yield piece.subarray(from, from + pieceBytes);
}

const drainOf = (response: HttpResponse): Promise<void> =>
  new Promise((resolve) => {
    const carrier = "stream" in response ? response.stream : response;
    carrier.once("drain", () => resolve());
  });
