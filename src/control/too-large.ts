import { WindlassError } from "../lib/errors.ts";

/** Refuses an upload by what its header says, before any of it comes. */
export function refuseTooLarge(what: string, announced: bigint, maxBytes: number): void {
  if (announced <= BigInt(maxBytes)) return;
  throw new WindlassError("upload_too_large", `the ${what} has ${announced} bytes: at most ${maxBytes} are accepted`, {
    metadata: { limit_bytes: String(maxBytes) },
  });
}
