import type { X509Certificate } from "node:crypto";
import { TLSSocket } from "node:tls";
import { messageOf } from "../values/errors.ts";
import { issuerOf } from "./certificate-words.ts";
import type { Dialed } from "./dial.ts";
import { handshakeWords } from "./tls-words.ts";
import { proxyName } from "./tunnel-words.ts";
import type { Way } from "./way.ts";
import { WayError, type WayStep } from "./way-error.ts";

/** Why HTTP/2 did not begin on a connection that was opened well. */
export function http2Error(way: Way, { socket, certificate }: Dialed, cause: unknown): WayError {
  if (!way.server.isSecure) return notPlain(way, cause);
  const text = messageOf(cause);
  // The server judges the client's certificate after the client has seen the handshake as done.
  if (/\balert\b/i.test(text)) {
    return handshakeWords({ name: way.url, isProxy: false, own: way.tls, expectedName: way.expectedName }, cause);
  }
  const isAgreed = socket instanceof TLSSocket && socket.alpnProtocol === "h2";
  return isAgreed ? broken(way, cause) : inspected(way, certificate, cause);
}

const notPlain = ({ url }: Way, cause: unknown): WayError =>
  new WayError(
    {
      kind: "not_plain",
      step: "http2",
      what: `${url} does not speak HTTP/2 in plain text: it may want TLS, or it is no Windlass server`,
      fix: "if it speaks TLS there, the address must begin with https",
    },
    cause,
  );

const broken = ({ url }: Way, cause: unknown): WayError =>
  new WayError(
    {
      kind: "broken",
      step: "http2",
      what: `${url} closed the connection before it said anything`,
      fix: "see the log of the server, or of the proxy in front of it",
    },
    cause,
  );

function inspected({ url, proxy }: Way, certificate: X509Certificate | undefined, cause: unknown): WayError {
  const via = proxy.kind === "proxy" ? `, perhaps ${proxyName(proxy.proxy)},` : "";
  const what = `${url} takes TLS but speaks no HTTP/2 there; its certificate is issued by ${issuerOf(certificate)}`;
  const fix = `if that is not the server's authority, something on the way${via} inspects TLS and speaks only HTTP/1.1: except the server from inspection; if it is, switch HTTP/2 on in the proxy in front of the server`;
  return new WayError({ kind: "no_http2", step: "http2", what, fix }, cause);
}

const waits: Readonly<Record<WayStep, string>> = {
  address: "the resolver of this machine has not found the name yet",
  tcp: "no TCP connection is open yet",
  proxy: "the proxy has not opened the tunnel yet",
  tls: "the TLS handshake is not over yet",
  http2: "HTTP/2 has not begun yet",
};

/** Somebody's patience ended while this step was under way. */
export function unfinished({ url }: Way, step: WayStep): WayError {
  const kind = step === "address" ? "silent_resolver" : "silent";
  return new WayError({ kind, step, what: `${url} was not reached in time: ${waits[step]}`, fix: "" });
}
