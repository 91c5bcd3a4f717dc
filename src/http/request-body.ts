import { WindlassError } from "../lib/words/errors.ts";
import { piecesOf } from "./drain.ts";
import type { HttpRequest } from "./messages.ts";

/** The request's body. Throws `upload_too_large`. */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(request)) {
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
