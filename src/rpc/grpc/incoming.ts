import type { ServerHttp2Stream } from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { demandWhole, departed, streamPiecesOf } from "../../http/drain.ts";
import type { SharedTimeout } from "../../lib/async/shared-timeout.ts";
import type { Clock } from "../../lib/clock.ts";
import { addPiece } from "../../lib/values/pieces.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { LargeRequests } from "../bodies/large-requests.ts";
import { asStatus, decoded, demandCheap, type Encoding, frameBytes, tooSlow } from "../bodies/request-bodies.ts";
import { requestLimits, smallRequest } from "../bodies/request-limits.ts";
import { singleBodyMs, singleMessage } from "../bodies/single-bodies.ts";
import { streamMessages } from "../bodies/stream-bodies.ts";
import { principalKey } from "../calls/caller.ts";
import type { GrpcCall } from "./call.ts";
import { textOf } from "./header-fields.ts";

/** What all calls are read with. */
export interface ReadingParts {
  readonly clock: Clock;
  readonly large: LargeRequests;
  /** Of `singleBodyMs`. */
  readonly timeout: SharedTimeout;
}

/** What a request is read with. */
export interface Reading extends ReadingParts {
  readonly stream: ServerHttp2Stream;
  readonly call: GrpcCall;
  /** Holds what the call has been given of what all share, until the call is over. */
  readonly shares: DisposableStack;
}

/** The request of a method that takes one. Throws what its sender is told if it is none, too large, or does not come. */
export async function onlyRequest(reading: Reading): Promise<Message> {
  const { stream, call } = reading;
  const { pieces, isWhole } = await firstPieces(reading);
  const [only, ...more] = pieces;
  if (isWhole && only !== undefined && more.length === 0 && isPlainMessage(only))
    return await plainMessage(only, reading);
  const source = isWhole ? listed(pieces) : continued(pieces, stream);
  const message = await singleMessage(source, { ...reading, ...factsOf(call), values: call.values });
  if (message !== undefined) return message;
  throw asStatus(new WindlassError("unsupported", `missing input message: ${call.method.name} takes one`));
}

/** The requests of a method that takes a stream of them, as they come. */
export async function* everyRequest({ stream, call, ...parts }: Reading): AsyncGenerator<Message, void> {
  const body = { ...parts, ...factsOf(call), values: call.values };
  for await (const raw of streamMessages(streamPiecesOf(stream), body)) yield decoded(raw);
}

const factsOf = ({ method, headers }: GrpcCall) => ({ method, encoding: encodingOf(textOf(headers["grpc-encoding"])) });

const encodingOf = (compression: string | null): Encoding => ({ isEnveloped: true, isJson: false, compression });

/** True for one frame that is not compressed, and nothing else. */
const isPlainMessage = (piece: Buffer): boolean =>
  piece.length >= frameBytes && piece[0] === 0 && piece.readUInt32BE(1) === piece.length - frameBytes;

async function plainMessage(piece: Buffer, { call: { method, values }, large }: Reading): Promise<Message> {
  const limits = requestLimits(method, values.get(principalKey));
  const raw = { bytes: piece.subarray(frameBytes), method, encoding: encodingOf(null), limits };
  await large.turnFor(demandCheap(raw));
  return decoded(raw);
}

interface FirstPieces {
  readonly pieces: readonly Buffer[];
  /** No more follow; if more do, they are as many as no small request has. */
  readonly isWhole: boolean;
}

/**
 * What comes, until its end or until it is no small request any more. Most requests are one piece. Fails when the call is
 * over: nothing was begun for it yet.
 */
function firstPieces({ stream, call, timeout }: Reading): Promise<FirstPieces> {
  // An empty body may have ended while it was looked who calls.
  if (stream.readableEnded || stream.destroyed) return demandWhole(stream).then(() => ({ pieces: [], isWhole: true }));
  const { promise, resolve, reject } = Promise.withResolvers<FirstPieces>();
  const pieces: Buffer[] = [];
  let bytes = 0;
  const settle = (done: () => void) => {
    timeout.end(onLate);
    stream.off("data", onData);
    stream.off("end", onEnd);
    call.waitsFor(undefined);
    done();
  };
  const onLate = () => settle(() => reject(tooSlow(call.method, singleBodyMs)));
  const onOver = (reason: unknown) => settle(() => reject(reason ?? asStatus(new WindlassError("canceled", departed))));
  const onEnd = () => settle(() => resolve(demandWhole(stream).then(() => ({ pieces, isWhole: true }))));
  const onData = (piece: Buffer) => {
    addPiece(pieces, piece);
    bytes += piece.length;
    if (bytes <= smallRequest.maxBytes + frameBytes) return;
    stream.pause();
    settle(() => resolve({ pieces, isWhole: false }));
  };
  timeout.begin(onLate);
  stream.on("data", onData);
  stream.once("end", onEnd);
  call.waitsFor(onOver);
  return promise;
}

async function* listed(pieces: readonly Buffer[]): AsyncGenerator<Uint8Array, void> {
  yield* pieces;
}

async function* continued(pieces: readonly Buffer[], stream: ServerHttp2Stream): AsyncGenerator<Uint8Array, void> {
  yield* pieces;
  yield* streamPiecesOf(stream);
  await demandWhole(stream);
}
