import { WindlassError } from "../lib/words/errors.ts";

const kib = 1024;
/** The most that the metadata of a call may have, counted as HTTP/2 counts it: 32 bytes for each header beside its text. */
export const maxMetadataBytes = 16 * kib;
/** What the sockets take, so that a call over the limit can be told so: at this size they cut it off without a word. */
export const maxHeaderBytes = 64 * kib;
/** Headers that the sockets take: more than fit the limit. */
export const maxHeaders = 1_024;

/**
 * Refuses metadata that is too large, that says twice who calls, or that names no server, such as an IPv6 address
 * without brackets.
 */
export function demandMetadata({ rawHeaders }: { readonly rawHeaders: readonly string[] }): void {
  demandSize(rawHeaders);
  demandAuthority(rawHeaders);
  const credentials = namesIn(rawHeaders).filter((name) => name === "authorization").length;
  if (credentials <= 1) return;
  throw new WindlassError("token_invalid", `the call has ${credentials} authorization headers: send one`);
}

function demandSize(rawHeaders: readonly string[]): void {
  const size = rawHeaders.reduce((sum, text) => sum + text.length, 0) + 16 * rawHeaders.length;
  if (size <= maxMetadataBytes) return;
  const message = `the metadata of the call has ${size} bytes: at most ${maxMetadataBytes} are taken`;
  throw new WindlassError("metadata_too_large", message, {
    metadata: { size_bytes: String(size), limit_bytes: String(maxMetadataBytes) },
  });
}

function demandAuthority(rawHeaders: readonly string[]): void {
  const names = namesIn(rawHeaders);
  const index = names.includes(":authority") ? names.indexOf(":authority") : names.indexOf("host");
  const authority = index < 0 ? "" : (rawHeaders[2 * index + 1] ?? "");
  if (authority !== "" && !beyondHost.test(authority) && URL.canParse(`http://${authority}`)) return;
  const what = authority === "" ? "names no host" : `names as its host ${JSON.stringify(authority.slice(0, 100))}`;
  throw new WindlassError("validation", `the call ${what}: expected a host and perhaps a port, such as [::1]:7070`);
}

/** What makes more of an address than a host and a port. */
const beyondHost = /[@/\\?#,\s]/;

const namesIn = (rawHeaders: readonly string[]): readonly string[] =>
  rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
