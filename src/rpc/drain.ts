import { constants } from "node:http2";
import type { Clock } from "../lib/clock.ts";
import type { HttpRequest, HttpResponse } from "./adapter.ts";

/** How long the sender of an answered request may go on sending. */
const patienceMs = 5_000;

/** The body in pieces. Whoever stops reading leaves the request open, so that it can still be answered. */
export const piecesOf = (request: HttpRequest): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }),
});

/**
 * Lets the rest of a request pass once it is answered: with unread bytes an HTTP/2 stream never ends, and a connection waits
 * for it even after the peer has closed. Whoever does not stop sending is cut off.
 */
export function drained(request: HttpRequest, response: HttpResponse, clock: Clock): void {
  const carrier = "stream" in request ? request.stream : request;
  const cut = () => ("stream" in request ? request.stream.close(constants.NGHTTP2_NO_ERROR) : request.destroy());
  const drain = () => {
    if (carrier.destroyed || request.readableEnded) return;
    request.removeAllListeners("readable");
    request.on("data", () => {});
    // The listeners that went are forgotten at the end of this turn.
    setImmediate(() => request.resume());
    const over = new AbortController();
    carrier.once("close", () => over.abort());
    clock.sleep(patienceMs, over.signal).then(cut, () => {});
  };
  if ("stream" in request) request.stream.once("finish", drain);
  else response.once("finish", drain);
  response.once("close", drain);
}
