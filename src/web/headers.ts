import { isLoopback } from "../lib/way/server-address.ts";
import type { WebHeaders } from "./answers.ts";

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

/** Of every answer to a browser. Over TLS browsers learn to use nothing else; names of this machine stand for other servers too. */
const common = (origin: string): WebHeaders => {
  const { protocol, hostname } = new URL(origin);
  const isLasting = protocol === "https:" && !isLoopback(hostname.replace(/^\[|\]$/g, ""));
  return {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    ...(isLasting ? { "strict-transport-security": `max-age=${yearSeconds}` } : {}),
  };
};

/** Of the UI: its page, and what that loads. */
export const pageHeaders = (origin: string): WebHeaders => ({
  ...common(origin),
  "content-security-policy": pagePolicy,
  "x-frame-options": "DENY",
});

/** Of what is saved and never shown: whatever is in it, it does nothing in a browser. */
export const downloadHeaders = (origin: string, fileName: string): WebHeaders => ({
  ...common(origin),
  "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
  "content-disposition": `attachment; filename="${fileName.replace(/[^\w.-]/g, "_")}"`,
  "cache-control": "no-store",
});
