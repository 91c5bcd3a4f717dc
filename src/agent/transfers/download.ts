import { open } from "node:fs/promises";
import { deadlineAfter, linkSignals, untilAborted } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { inOrder } from "../../lib/transfer/in-order.ts";
import type { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import { tooLargePackets } from "../../lib/way/packet-words.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** A server that has sent nothing for this long is not believed to send more: the call is tried again. */
const silenceMs = 30_000;

/** Which bytes are asked for; no `maxBytes` is all to the end. */
export interface Range {
  readonly offset: bigint;
  readonly maxBytes: bigint;
}

/** Asks for bytes of an object. */
export type Ask = (range: Range, signal: AbortSignal) => AsyncIterable<{ readonly chunk: Uint8Array }>;

export interface Download {
  readonly ask: Ask;
  /** Where the bytes go; what is there already is not asked for again. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly pace: TransferPace;
  readonly clock: Clock;
  /** Hears how much is there already. */
  readonly onBegin: (bytes: number) => void;
  /** Hears of bytes as they come. */
  readonly onBytes: (bytes: number) => void;
}

/** Fetches what a file does not have yet of an object. Each call is one attempt: what has come of it stays in the file. */
export async function download(options: Download, signal: AbortSignal): Promise<void> {
  await using file = await open(options.file, "a", 0o600);
  const { size } = await file.stat();
  const isTooLong = size > options.sizeBytes;
  if (isTooLong) await file.truncate(0);
  const from = isTooLong ? 0 : size;
  options.onBegin(from);
  const append = async (chunks: readonly Uint8Array[]) => {
    for (const chunk of chunks) await file.appendFile(chunk);
  };
  try {
    await inPieces(options, { from, append }, signal);
  } catch (error) {
    if (!(error instanceof WholeAnswer)) throw error;
    await file.truncate(0);
    options.onBegin(0);
    await asOne(options, append, signal);
  }
}

type Append = (chunks: readonly Uint8Array[]) => Promise<void>;

/** The server is older than ranges, and sends everything whatever it is asked for. */
class WholeAnswer extends Error {}

interface Piece {
  readonly chunks: readonly Uint8Array[];
  /** Why it is not whole. */
  readonly failure: { readonly error: unknown } | undefined;
}

async function inPieces(
  options: Download,
  { from, append }: { readonly from: number; readonly append: Append },
  signal: AbortSignal,
): Promise<void> {
  const { pace, sizeBytes } = options;
  await inOrder<Piece>(
    {
      pace,
      from,
      to: sizeBytes,
      move: async ({ offset, bytes }, over) => {
        const piece = await fetchPiece(options, { offset: BigInt(offset), maxBytes: BigInt(bytes) }, over);
        // What has come of the first one still counts; the pace hears that it broke.
        if (piece.failure !== undefined && piece.chunks.length === 0) throw piece.failure.error;
        return piece;
      },
      take: async ({ chunks, failure }) => {
        await append(chunks);
        if (failure !== undefined) throw failure.error;
      },
    },
    signal,
  );
}

async function fetchPiece(options: Download, range: Range, signal: AbortSignal): Promise<Piece> {
  const chunks: Uint8Array[] = [];
  const wanted = Number(range.maxBytes);
  let got = 0;
  try {
    for await (const chunk of chunksOf(options, range, signal)) {
      got += chunk.length;
      if (got > wanted) throw new WholeAnswer();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof WholeAnswer) throw error;
    return { chunks, failure: { error } };
  }
  const error = got === wanted ? undefined : endsEarly(Number(range.offset) + got);
  return { chunks, failure: error === undefined ? undefined : { error } };
}

const endsEarly = (at: number): WindlassError =>
  new WindlassError("checksum_mismatch", `a download is not what was announced: it ends after ${at} bytes`);

async function asOne(options: Download, append: Append, signal: AbortSignal): Promise<void> {
  let got = 0;
  for await (const chunk of chunksOf(options, { offset: 0n, maxBytes: 0n }, signal)) {
    got += chunk.length;
    if (got > options.sizeBytes) return append([chunk]);
    await append([chunk]);
  }
}

/** The bytes of one call, as long as they go on coming. */
async function* chunksOf(
  { ask, clock, onBytes }: Download,
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  using over = linkSignals(signal);
  const answers = untilAborted(ask(range, over.signal), over.signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      using silence = deadlineAfter(clock, silenceMs, over.signal);
      const onSilence = () => over.abort(silence.signal.reason);
      silence.signal.addEventListener("abort", onSilence, { once: true });
      const { done, value } = await answers.next();
      silence.signal.removeEventListener("abort", onSilence);
      if (over.signal.aborted) throw silent(over.signal);
      if (done === true) return;
      onBytes(value.chunk.length);
      yield value.chunk;
    }
  } finally {
    over.abort(new Error("the download is over"));
  }
}

function silent(signal: AbortSignal): unknown {
  const { reason } = signal;
  if (!(reason instanceof DOMException) || reason.name !== "TimeoutError") return reason;
  return new WindlassError(
    "storage_unavailable",
    `the server has sent nothing for ${silenceMs / 1000} seconds: ${tooLargePackets}`,
  );
}
