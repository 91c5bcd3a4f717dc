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
  let size = 16 * rawHeaders.length;
  let credentials = 0;
  let authority: string | undefined;
  let host: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const value = rawHeaders[index + 1] ?? "";
    size += name.length + value.length;
    const known = name.toLowerCase();
    if (known === ":authority") authority ??= value;
    else if (known === "host") host ??= value;
    else if (known === "authorization") credentials += 1;
  }
  demandSize(size);
  demandAuthority(authority ?? host ?? "");
  if (credentials <= 1) return;
  throw new WindlassError("token_invalid", `the call has ${credentials} authorization headers: send one`);
}

function demandSize(size: number): void {
  if (size <= maxMetadataBytes) return;
  const message = `the metadata of the call has ${size} bytes: at most ${maxMetadataBytes} are taken`;
  throw new WindlassError("metadata_too_large", message, {
    metadata: { size_bytes: String(size), limit_bytes: String(maxMetadataBytes) },
  });
}

function demandAuthority(authority: string): void {
  if (authority !== "" && !beyondHost.test(authority) && URL.canParse(`http://${authority}`)) return;
  const what = authority === "" ? "names no host" : `names as its host ${JSON.stringify(authority.slice(0, 100))}`;
  throw new WindlassError("validation", `the call ${what}: expected a host and perhaps a port, such as [::1]:7070`);
}

/** What makes more of an address than a host and a port. */
const beyondHost = /[@/\\?#,\s]/;
