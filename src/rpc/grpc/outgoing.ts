import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { compressedFlag } from "@connectrpc/connect/protocol";
import { breakOffStream, departed } from "../../http/drain.ts";
import type { SharedTimeout } from "../../lib/async/shared-timeout.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asStatus, frameBytes } from "../bodies/request-bodies.ts";
import { explained } from "../calls/errors.ts";
import { fastGzip } from "../wire/compression.ts";
import { setStatus } from "../wire/errors.ts";
import type { GrpcCall } from "./call.ts";
import { encodedMessage } from "./encoded-message.ts";

/** Larger messages are written behind their frame instead of being copied into it. */
const copiedBytes = 16 * 1024;

/** What answers are compressed with: larger messages than so many bytes, or none at all. */
export type AnswerCompression = { readonly minBytes: number } | undefined;

interface AnswerParts {
  readonly stream: ServerHttp2Stream;
  readonly contentType: string;
  readonly compression: AnswerCompression;
  readonly output: DescMessage;
  /** Of `takenMs`. */
  readonly unread: SharedTimeout;
}

/** A larger message is written so many bytes at a time: so that a reader that is slow is told from one that does not read. */
const pieceBytes = 256 * 1024;

/** How long a reader may take for what was written for it. A link of 250 kbit/s that loses packets carries more. */
export const takenMs = 120_000;

/** The answer to one call: headers with its first message, its messages, and its status in the trailers. */
export class CallAnswer {
  readonly #parts: AnswerParts;
  readonly #call: GrpcCall;
  #hasBegun = false;

  constructor(parts: AnswerParts, call: GrpcCall) {
    this.#parts = parts;
    this.#call = call;
  }

  /**
   * Sends a message. Resolves when more may be sent, and nothing of a large message is needed any more; throws if nobody listens any
   * more, or the call is over.
   */
  async send(message: Message): Promise<void> {
    const { stream } = this.#parts;
    const encoded = this.#encode(message);
    const sent = encoded instanceof Promise ? await encoded : encoded;
    if (!isOpen(stream)) throw gone();
    this.#begin();
    if (sent.length > copiedBytes) await this.#writeAll(sent, (begin) => this.#ofCall(begin));
    else if (!stream.write(joined(sent))) await this.#ofCall((done) => void stream.once("drain", () => done()));
  }

  /** Sends the only message, and ends the call well. */
  async endWith(message: Message): Promise<void> {
    const { stream } = this.#parts;
    const encoded = this.#encode(message);
    const sent = encoded instanceof Promise ? await encoded : encoded;
    if (!isOpen(stream)) return;
    this.#begin();
    if (sent.length <= copiedBytes) stream.write(joined(sent));
    else if (sent.length <= pieceBytes) writeTogether(stream, [frameOf(sent), ...sent.parts]);
    else await this.#writeAll(sent);
    this.end();
  }

  /** Ends the call well. */
  end(): void {
    if (!isOpen(this.#parts.stream)) return;
    this.#begin();
    this.#finish({ "grpc-status": "0", ...this.#call.responseTrailer.outgoing() });
  }

  /**
   * Ends the call with an error. Before the first message it goes out as Trailers-Only, in one HEADERS frame that ends the
   * stream: clients with a retry policy take anything else for an answer that has begun, and do not try again (gRFC A6).
   */
  fail(error: ConnectError): void {
    const { stream, contentType } = this.#parts;
    const { responseHeader, responseTrailer } = this.#call;
    if (!isOpen(stream)) return;
    setStatus(responseTrailer, explained(error));
    const trailers = responseTrailer.outgoing();
    if (this.#hasBegun) this.#finish(trailers);
    else
      stream.respond({ ":status": 200, "content-type": contentType, ...responseHeader.outgoing(), ...trailers }, alone);
  }

  /** Writes a message from where it lies, to its last byte. What was begun is written whole, whatever happens to the call. */
  async #writeAll(sent: Encoded, last = (begin: Begin) => this.#taken(begin)): Promise<void> {
    const { stream } = this.#parts;
    const turns = turnsOf([frameOf(sent), ...sent.parts]);
    for (const [index, turn] of turns.entries()) {
      const begin: Begin = (done) => writeTogether(stream, turn, done);
      await (index === turns.length - 1 ? last(begin) : this.#taken(begin));
    }
  }

  /** Resolves when what was begun is done, and cuts off a reader that does not read; rejects when the stream is closed. */
  async #taken(begin: Begin, onWait?: (leave: (reason: unknown) => void) => void): Promise<void> {
    const { stream, unread } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cut = () => breakOffStream(stream);
    const onClose = () => reject(gone());
    unread.begin(cut);
    stream.once("close", onClose);
    begin((error) => (error == null ? resolve() : onClose()));
    onWait?.(reject);
    try {
      await promise;
    } finally {
      unread.end(cut);
      stream.off("close", onClose);
    }
  }

  /** The same between two messages, where it also ends with the call. */
  async #ofCall(begin: Begin): Promise<void> {
    try {
      await this.#taken(begin, (leave) => this.#call.waitsFor((reason) => leave(reason ?? gone())));
    } finally {
      this.#call.waitsFor(undefined);
    }
  }

  #encode(message: Message): Encoded | Promise<Encoded> {
    const { compression, output } = this.#parts;
    const parts = encodedMessage(output, message);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (compression === undefined || length < compression.minBytes) return { parts, length, flags: 0 };
    return fastGzip
      .compress(parts.length === 1 ? (parts[0] ?? noBytes) : Buffer.concat(parts))
      .then((compressed) => ({ parts: [compressed], length: compressed.length, flags: compressedFlag }));
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { stream, contentType, compression } = this.#parts;
    const encoding = compression === undefined ? {} : { "grpc-encoding": fastGzip.name };
    const fields = this.#call.responseHeader.outgoing();
    stream.respond({ ":status": 200, "content-type": contentType, ...encoding, ...fields }, withTrailers);
  }

  #finish(trailers: OutgoingHttpHeaders): void {
    const { stream } = this.#parts;
    stream.once("wantTrailers", () => {
      if (isOpen(stream)) stream.sendTrailers(trailers);
    });
    stream.end();
  }
}

type Done = (error?: Error | null) => void;
/** Begins what is waited for. */
type Begin = (done: Done) => void;

const alone = { endStream: true } as const;
const withTrailers = { waitForTrailers: true } as const;

/** True while something can be sent. */
const isOpen = (stream: ServerHttp2Stream): boolean => !stream.destroyed && !stream.closed;

interface Encoded {
  /** The message, cut anywhere. */
  readonly parts: readonly Uint8Array[];
  /** Of all parts. */
  readonly length: number;
  readonly flags: number;
}

const noBytes = new Uint8Array();

function frameOf({ length, flags }: Encoded, room = 0): Buffer {
  const frame = Buffer.allocUnsafe(frameBytes + room);
  frame.writeUInt8(flags, 0);
  frame.writeUInt32BE(length, 1);
  return frame;
}

/** A message in its frame, copied. */
function joined(sent: Encoded): Buffer {
  const frame = frameOf(sent, sent.length);
  let at = frameBytes;
  for (const part of sent.parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** A message as it is written: large pieces, and what is small with what follows it. */
function turnsOf(parts: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const turns: Uint8Array[][] = [];
  let [turn, bytes]: [Uint8Array[], number] = [[], 0];
  for (const part of parts) {
    for (let from = 0; from < part.length; from += pieceBytes) {
      const piece = part.subarray(from, from + pieceBytes);
      if (turn.push(piece) === 1) turns.push(turn);
      bytes += piece.length;
      if (bytes >= pieceBytes) [turn, bytes] = [[], 0];
    }
  }
  return turns;
}

/** Writes pieces as one; `done` is called when nobody needs them any more. */
function writeTogether(stream: ServerHttp2Stream, pieces: readonly Uint8Array[], done?: Done): void {
  const last = pieces.length - 1;
  stream.cork();
  for (const [index, piece] of pieces.entries()) stream.write(piece, index === last ? done : undefined);
  stream.uncork();
}

const gone = () => asStatus(new WindlassError("canceled", departed));
