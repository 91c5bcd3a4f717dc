/**
 * Encoded, so that an error fits the 8 KiB of headers that stock clients take; the whole text is in the status's
 * details.
 */
const maxEncodedChars = 2_000;

/** What may not stand as it is in `grpc-message`: `%`, all but printable ASCII, and spaces that HTTP would cut off. */
const unsafe = /[^\x20-\x24\x26-\x7e]+|^ +| +$/gu;

/**
 * A text as the value of `grpc-message`, percent-encoded as gRPC over HTTP/2 has it ("Responses", Percent-Encoded); a text
 * that is too long for a header ends in `…`.
 */
export function grpcMessage(text: string): string {
  const whole = percentEncoded(text);
  return whole.length <= maxEncodedChars ? whole : `${cut(whole)}${percentEncoded("…")}`;
}

/** The text, of any length. Halves of surrogate pairs become U+FFFD. */
export const percentEncoded = (text: string): string => text.toWellFormed().replaceAll(unsafe, encodeURIComponent);

/** Cuts between two characters: not within `%E2%80%A6`. */
function cut(encoded: string): string {
  const start = encoded.slice(0, maxEncodedChars);
  return start.replace(/%[0-9A-F]?$/, "").replace(/(?:%[C-F][0-9A-F](?:%[89AB][0-9A-F])*)$/, "");
}
