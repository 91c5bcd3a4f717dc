import { abortable, deadlineAfter } from "../lib/async/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { WindlassError } from "../lib/words/errors.ts";
import { wholePiecesOf } from "./drain.ts";
import type { HttpRequest } from "./messages.ts";

/** How long a body may be on its way: what it needs is held for it meanwhile. */
const standardMs = 30_000;

interface BodyLimits {
  readonly maxBytes: number;
  readonly withinMs?: number | undefined;
}

/** The request's body. Throws `upload_too_large`, and `canceled` for one that does not come in time. */
export async function readBody(
  request: HttpRequest,
  clock: Clock,
  { maxBytes, withinMs = standardMs }: BodyLimits,
): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  using deadline = deadlineAfter(clock, withinMs);
  return await abortable(collected(request, maxBytes), deadline.signal).catch((error: unknown) => {
    throw deadline.signal.aborted ? tooSlow(withinMs) : error;
  });
}

async function collected(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of wholePiecesOf(request)) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const tooLarge = (maxBytes: number) =>
  new WindlassError("upload_too_large", `the body has more than ${maxBytes} bytes`, {
    metadata: { limit_bytes: String(maxBytes) },
  });

const tooSlow = (withinMs: number) =>
  new WindlassError("canceled", `the body did not come within ${withinMs / 1_000} s: send it again`);
