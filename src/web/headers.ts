import { ownOrigins } from "../http/callers/own-page.ts";
import { isLoopback } from "../lib/way/server-address.ts";
import type { WebHeaders } from "./answers.ts";
import type { WebCall } from "./call.ts";

/** What a page of the UI may do: it loads from this server alone, runs no text, and stands in no frame. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const yearSeconds = 31_536_000;

type Place = Pick<WebCall, "control" | "origin">;

/** Of every answer to a browser. */
const common = (place: Place): WebHeaders => ({
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  ...(hasTls(place) ? { "strict-transport-security": `max-age=${yearSeconds}` } : {}),
});

/**
 * True if browsers are to learn to use nothing but TLS. Names of this machine stand for other servers, too. What is said without
 * TLS counts for nothing: RFC 6797, 8.1.
 */
const hasTls = ({ control, origin }: Place): boolean =>
  ownOrigins(origin, control.web?.publicUrl)
    .map((own) => new URL(own))
    .some(({ protocol, hostname }) => protocol === "https:" && !isLoopback(hostname.replace(/^\[|\]$/g, "")));

/** Of the UI: its page, and what that loads. */
export const pageHeaders = (place: Place): WebHeaders => ({
  ...common(place),
  "content-security-policy": pagePolicy,
  "x-frame-options": "DENY",
});

/** Of what is saved and never shown: whatever is in it, it does nothing in a browser. */
export const downloadHeaders = (place: Place, fileName: string): WebHeaders => ({
  ...common(place),
  "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
  "content-disposition": `attachment; filename="${fileName.replace(/[^\w.-]/g, "_")}"`,
  "cache-control": "no-store",
});
