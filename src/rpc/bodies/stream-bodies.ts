import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import { paced, progressMs } from "../../lib/async/pace.ts";
import type { Clock } from "../../lib/clock.ts";
import { principalKey } from "../calls/caller.ts";
import { BodyReader } from "./body-reader.ts";
import type { LargeRequests } from "./large-requests.ts";
import {
  brokenFrame,
  demandCheap,
  type Encoding,
  frameBytes,
  type RawMessage,
  readFrame,
  tooSlow,
  unzipped,
} from "./request-bodies.ts";
import { requestLimits } from "./request-limits.ts";

/** A call whose request is a stream of messages. */
export interface StreamBody {
  readonly method: DescMethod;
  readonly encoding: Encoding;
  /** Those of the call. Who calls is in them before the body is asked for. */
  readonly values: ContextValues;
  readonly large: LargeRequests;
  readonly clock: Clock;
}

/** The body of such a request, a message at a time, each measured before the protocol handler decodes it. */
export async function* streamBody(
  source: AsyncIterable<Uint8Array>,
  body: StreamBody,
): AsyncGenerator<Uint8Array, void> {
  for await (const { bytes } of streamMessages(source, body)) {
    yield frameOf(bytes);
    yield bytes;
  }
}

/** The messages of such a body, in clear and measured. */
export async function* streamMessages(
  source: AsyncIterable<Uint8Array>,
  { method, encoding, values, large, clock }: StreamBody,
): AsyncGenerator<RawMessage, void> {
  // What an agent or a watcher has to say may take its time; what is uploaded may not.
  const isUpload = method.methodKind === "client_streaming";
  const pieces = isUpload ? paced(source, clock, () => tooSlow(method, progressMs)) : source;
  const reader = new BodyReader(pieces);
  const limits = requestLimits(method, values.get(principalKey));
  while (await reader.holds(1)) {
    await reader.holds(frameBytes);
    const { length, isCompressed } = readFrame(reader.take(frameBytes), method, limits);
    if (!(await reader.holds(length))) throw brokenFrame(method, length, reader.held);
    const raw = { bytes: reader.take(length), method, encoding, limits };
    const message = isCompressed && encoding.compression === "gzip" ? await unzipped(raw) : raw;
    await large.turnFor(demandCheap(message));
    yield message;
  }
}

function frameOf(bytes: Buffer): Uint8Array {
  const frame = Buffer.alloc(frameBytes);
  frame.writeUInt32BE(bytes.length, 1);
  return frame;
}
