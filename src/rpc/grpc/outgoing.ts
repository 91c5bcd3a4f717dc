import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { compressedFlag } from "@connectrpc/connect/protocol";
import { departed } from "../../http/drain.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asStatus, frameBytes } from "../bodies/request-bodies.ts";
import { explained } from "../calls/errors.ts";
import { fastGzip } from "../wire/compression.ts";
import { setStatus } from "../wire/errors.ts";

/** Larger messages are written behind their frame instead of being copied into it. */
const copiedBytes = 16 * 1024;

/** What answers are compressed with: larger messages than so many bytes, or none at all. */
export type AnswerCompression = { readonly minBytes: number } | undefined;

interface AnswerParts {
  readonly stream: ServerHttp2Stream;
  readonly contentType: string;
  readonly compression: AnswerCompression;
  readonly output: DescMessage;
}

/** What goes out beside the messages. */
export interface AnswerMetadata {
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
}

/** The answer to one call: headers with its first message, its messages, and its status in the trailers. */
export class CallAnswer {
  readonly #parts: AnswerParts;
  readonly #metadata: AnswerMetadata;
  #hasBegun = false;

  constructor(parts: AnswerParts, metadata: AnswerMetadata) {
    this.#parts = parts;
    this.#metadata = metadata;
  }

  /** Sends a message. Resolves when more may be sent; throws if nobody listens any more. */
  async send(message: Message): Promise<void> {
    const { stream } = this.#parts;
    const sent = await this.#encode(message);
    if (!isOpen(stream)) throw gone();
    this.#begin();
    if (!write(stream, sent)) await drain(stream);
  }

  /** Sends the only message, and ends the call well. */
  async endWith(message: Message): Promise<void> {
    const { stream } = this.#parts;
    const encoded = this.#encode(message);
    const sent = encoded instanceof Promise ? await encoded : encoded;
    if (!isOpen(stream)) return;
    this.#begin();
    write(stream, sent);
    this.end();
  }

  /** Ends the call well. */
  end(): void {
    if (!isOpen(this.#parts.stream)) return;
    this.#begin();
    this.#finish({ "grpc-status": "0", ...fieldsOf(this.#metadata.responseTrailer) });
  }

  /**
   * Ends the call with an error. Before the first message it goes out as Trailers-Only, in one HEADERS frame that ends the
   * stream: clients with a retry policy take anything else for an answer that has begun, and do not try again (gRFC A6).
   */
  fail(error: ConnectError): void {
    const { stream, contentType } = this.#parts;
    const { responseHeader, responseTrailer } = this.#metadata;
    if (!isOpen(stream)) return;
    setStatus(responseTrailer, explained(error));
    const trailers = fieldsOf(responseTrailer);
    if (this.#hasBegun) this.#finish(trailers);
    else
      stream.respond({ ":status": 200, "content-type": contentType, ...fieldsOf(responseHeader), ...trailers }, alone);
  }

  #encode(message: Message): Encoded | Promise<Encoded> {
    const { compression, output } = this.#parts;
    const bytes = toBinary(output, message);
    if (compression === undefined || bytes.length < compression.minBytes) return { bytes, flags: 0 };
    return fastGzip.compress(bytes).then((compressed) => ({ bytes: compressed, flags: compressedFlag }));
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { stream, contentType, compression } = this.#parts;
    const encoding = compression === undefined ? {} : { "grpc-encoding": fastGzip.name };
    const fields = fieldsOf(this.#metadata.responseHeader);
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

const alone = { endStream: true } as const;
const withTrailers = { waitForTrailers: true } as const;

const fieldsOf = (headers: Headers): OutgoingHttpHeaders => Object.fromEntries(headers);

/** True while something can be sent. */
const isOpen = (stream: ServerHttp2Stream): boolean => !stream.destroyed && !stream.closed;

interface Encoded {
  readonly bytes: Uint8Array;
  readonly flags: number;
}

/** False if its reader has to catch up first. */
function write(stream: ServerHttp2Stream, { bytes, flags }: Encoded): boolean {
  const isCopied = bytes.length <= copiedBytes;
  const frame = Buffer.allocUnsafe(frameBytes + (isCopied ? bytes.length : 0));
  frame.writeUInt8(flags, 0);
  frame.writeUInt32BE(bytes.length, 1);
  if (isCopied) {
    frame.set(bytes, frameBytes);
    return stream.write(frame);
  }
  stream.cork();
  stream.write(frame);
  const isTaken = stream.write(bytes);
  stream.uncork();
  return isTaken;
}

/** Resolves when the stream takes more; rejects if it closes before. */
function drain(stream: ServerHttp2Stream): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onDrain = () => {
    stream.off("close", onClose);
    resolve();
  };
  const onClose = () => {
    stream.off("drain", onDrain);
    reject(gone());
  };
  stream.once("drain", onDrain);
  stream.once("close", onClose);
  return promise;
}

const gone = () => asStatus(new WindlassError("canceled", departed));
