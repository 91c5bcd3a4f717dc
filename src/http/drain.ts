import { constants, type ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { notAwaited } from "../lib/async/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { errnoOf } from "../lib/values/errors.ts";
import { WindlassError } from "../lib/words/errors.ts";
import { arrivedPieces } from "./arrived-pieces.ts";
import type { HttpRequest, HttpResponse } from "./messages.ts";

/** How long the sender of an answered request may go on sending. */
const patienceMs = 5_000;

/**
 * The body in pieces. Whoever stops reading leaves the request open, so that it can still be answered. A caller that
 * goes in the middle has canceled its call: that is no fault of anybody.
 */
export async function* piecesOf(request: Pick<HttpRequest, "iterator">): AsyncGenerator<Uint8Array, void> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw isDeparture(error) ? new WindlassError("canceled", departed, { cause: error }) : error;
  }
}

/** The same of a stream of HTTP/2, in pieces as they came. */
export async function* streamPiecesOf(stream: ServerHttp2Stream): AsyncGenerator<Uint8Array, void> {
  try {
    yield* arrivedPieces(stream);
  } catch (error) {
    throw isDeparture(error) ? new WindlassError("canceled", departed, { cause: error }) : error;
  }
}

/**
 * The same of a body that is nothing but a whole: a stream of HTTP/2 that its caller resets ends like one that is, and
 * only the next turn tells them apart.
 */
export async function* wholePiecesOf(request: HttpRequest): AsyncGenerator<Uint8Array, void> {
  yield* piecesOf(request);
  if ("stream" in request) await demandWhole(request);
}

/** Throws `canceled` at the end of the body of a stream that its caller has reset. */
export async function demandWhole(stream: { readonly aborted: boolean }): Promise<void> {
  await nextTurn();
  if (stream.aborted) throw new WindlassError("canceled", departed);
}

/** What is told of a caller that went. */
export const departed = "the call was ended in the middle of its request: by its caller, or by what stands between";

/** How Node says that a peer has gone. */
const departures: ReadonlySet<string> = new Set([
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_HTTP2_STREAM_ERROR",
  "ERR_HTTP2_STREAM_CANCEL",
  "ECONNRESET",
  "EPIPE",
  "ABORT_ERR",
]);

const isDeparture = (error: unknown): boolean => departures.has(errnoOf(error) ?? "");

/**
 * Lets the rest of a request pass once it is answered: with unread bytes an HTTP/2 stream never ends, and a connection waits
 * for it even after the peer has closed. Whoever does not stop sending is cut off.
 */
export function drained(request: HttpRequest, response: HttpResponse, clock: Clock): void {
  const carrier = "stream" in request ? request.stream : request;
  const cut = () => ("stream" in request ? request.stream.close(constants.NGHTTP2_NO_ERROR) : request.destroy());
  const drain = () => drainRest(request, { carrier, cut, clock });
  if ("stream" in request) request.stream.once("finish", drain);
  else response.once("finish", drain);
  response.once("close", drain);
}

/** The same for a stream of HTTP/2 that was answered just now. */
export const drainStream = (stream: ServerHttp2Stream, clock: Clock): void =>
  drainRest(stream, { carrier: stream, cut: () => stream.close(constants.NGHTTP2_NO_ERROR), clock });

interface Draining {
  /** What closes when the exchange is over. */
  readonly carrier: Readable;
  readonly cut: () => void;
  readonly clock: Clock;
}

function drainRest(source: Readable, { carrier, cut, clock }: Draining): void {
  if (carrier.destroyed || source.readableEnded) return;
  // Whoever still reads is slower than what comes, or waits for more: it would hold up the rest.
  source.removeAllListeners("readable");
  source.removeAllListeners("data");
  source.on("data", () => {});
  // The listeners that went are forgotten at the end of this turn.
  setImmediate(() => source.resume());
  const over = new AbortController();
  carrier.once("close", () => over.abort(notAwaited));
  clock.sleep(patienceMs, over.signal).then(cut, () => {});
}

/**
 * Ends an answer in the middle, so that nobody takes what came of it for the whole: over HTTP/1.1 the connection ends, and a
 * stream of HTTP/2 gets a code, as one that is only destroyed says NO_ERROR, which clients take for its end.
 */
export function breakOff(response: HttpResponse): void {
  if ("stream" in response) breakOffStream(response.stream);
  else response.destroy();
}

/** The same of a stream of HTTP/2. What still waits to be sent goes with it. */
export function breakOffStream(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return;
  stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  stream.destroy();
}
