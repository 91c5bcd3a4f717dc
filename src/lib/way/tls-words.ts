import { errnoOf, messageOf } from "../values/errors.ts";
import type { TlsPeer } from "./certificate-words.ts";
import { WayError, type WayFaultKind } from "./way-error.ts";

type Named = Pick<TlsPeer, "name" | "isProxy" | "own" | "expectedName">;

const fault = (peer: Pick<Named, "isProxy">, kind: WayFaultKind) =>
  ({ kind, step: peer.isProxy ? "proxy" : "tls" }) as const;

/** Why a handshake failed, or why a connection ended right after it: alerts of TLS 1.3 come as late as that. */
export function handshakeWords(peer: Named, error: unknown): WayError {
  const text = opensslText(error);
  const found = meanings.find(({ pattern }) => pattern.test(text)) ?? other(text);
  const { kind, what, fix } = found;
  const say = (words: (peer: Named) => string) => words(peer);
  return new WayError({ ...fault(peer, kind), what: say(what), fix: say(fix) }, error);
}

interface Meaning {
  readonly kind: WayFaultKind;
  readonly what: (peer: Named) => string;
  readonly fix: (peer: Named) => string;
}

const closed: Meaning = {
  kind: "tls_closed",
  what: ({ name }) => `${name} closes the connection during the TLS handshake`,
  fix: () =>
    "a firewall that filters names, a proxy that expects the PROXY protocol, or a server without a certificate for this name",
};

const meanings: readonly (Meaning & { readonly pattern: RegExp })[] = [
  {
    pattern: /wrong version number|packet length too long|http request|WRONG_VERSION_NUMBER|EPROTO$/i,
    kind: "not_tls",
    what: ({ name }) => `${name} does not speak TLS, though its address begins with https`,
    fix: ({ isProxy }) => (isProxy ? "name it with http://" : "use http://, or give windlassd a certificate"),
  },
  {
    pattern: /no application protocol/i,
    kind: "no_http2",
    what: ({ name }) => http2Missing(name),
    fix: () => http2Fix,
  },
  {
    pattern: /certificate required/i,
    kind: "client_certificate",
    what: ({ name }) => `${name} wants a client certificate`,
    fix: () => "give --cert-file and --key-file",
  },
  {
    pattern:
      /alert (bad certificate|unsupported certificate|certificate revoked|certificate expired|certificate unknown|unknown ca|decrypt error)/i,
    kind: "client_certificate",
    what: ({ name, own }) =>
      own.cert === undefined ? `${name} wants a client certificate` : `${name} refuses the certificate of --cert-file`,
    fix: ({ own }) =>
      own.cert === undefined
        ? "give --cert-file and --key-file"
        : "is it signed by the authority that the server wants, and still valid?",
  },
  {
    pattern: /alert handshake failure/i,
    kind: "tls_refused",
    what: ({ name }) => `${name} refuses the TLS handshake`,
    fix: ({ own }) =>
      own.cert === undefined
        ? "if it wants a client certificate, give --cert-file and --key-file; if not, it has no cipher or no certificate for this name"
        : "it has no cipher or no certificate for this name, or does not take the one of --cert-file",
  },
  {
    pattern: /unrecognized name/i,
    kind: "tls_refused",
    what: ({ name, expectedName }) => `${name} knows no ${expectedName}`,
    fix: () => "check the address, or give the name of its certificate with --server-name",
  },
  {
    pattern: /protocol version|unsupported protocol/i,
    kind: "tls_refused",
    what: ({ name }) => `${name} speaks only old versions of TLS`,
    fix: () => "let it speak TLS 1.2 or 1.3",
  },
  { pattern: /^closed$|ECONNRESET|socket disconnected|EPIPE/i, ...closed },
];

const other = (text: string): Meaning => ({
  kind: "tls_refused",
  what: ({ name }) => `the TLS handshake with ${name} failed (${text})`,
  fix: () => "see the log of what answers there",
});

/** OpenSSL's words without its numbers. */
function opensslText(error: unknown): string {
  const reason = error instanceof Error && "reason" in error ? String(error.reason) : "";
  const code = (errnoOf(error) ?? "").replaceAll("_", " ");
  const text =
    reason === ""
      ? messageOf(error)
          .replace(/^[0-9A-F]+:error:[0-9A-F]+:/, "")
          .replace(/:\.\..*$/s, "")
      : reason;
  return code === "" || text.toLowerCase().includes(code.toLowerCase()) ? text : `${text} ${code}`.trim();
}

/** TCP connects, and the handshake gets no answer. */
export const silentHandshake = (peer: Named, afterMs: number): WayError =>
  new WayError({
    ...fault(peer, "tls_silent"),
    what: `${peer.name} takes the connection, but its TLS does not answer within ${afterMs / 1000} s`,
    fix: "a firewall that looks into TLS, a too small MTU on the way (try 1280), or a server that is stuck",
  });

const http2Missing = (name: string): string => `${name} does not offer HTTP/2 (ALPN h2)`;
const http2Fix = "switch it on in the server or the proxy in front of it: nginx needs `http2`, HAProxy `alpn h2`";

/** Another protocol was chosen than the one that was offered. */
export const noHttp2 = (peer: Named): WayError =>
  new WayError({ ...fault(peer, "no_http2"), what: http2Missing(peer.name), fix: http2Fix });
