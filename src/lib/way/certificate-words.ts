import type { X509Certificate } from "node:crypto";
import type { Trust } from "./trust.ts";
import type { ClientTls } from "./way.ts";
import { WayError, type WayFault } from "./way-error.ts";

/** Whom TLS is spoken with. */
export interface TlsPeer {
  /** For people: `https://tf.example.com` or `the proxy https://proxy:3129 (https_proxy)`. */
  readonly name: string;
  /** What its certificate must be for. */
  readonly expectedName: string;
  readonly isProxy: boolean;
  /** The proxy on the way to the server, for people. */
  readonly through: string | undefined;
  /** The only protocol that is offered by ALPN. */
  readonly protocol: "h2" | "http/1.1";
  readonly trust: Trust;
  /** What is shown to it; whether any certificate of it will do. */
  readonly own: Pick<ClientTls, "cert" | "key" | "isInsecure">;
}

interface Finding {
  /** Of OpenSSL or Node, for example `CERT_HAS_EXPIRED`. */
  readonly code: string;
  readonly certificate: X509Certificate | undefined;
  readonly now: Date;
}

type Words = Pick<WayFault, "kind" | "what" | "fix">;

/** Why a certificate is not good enough, with what it says. */
export function certificateWords(peer: TlsPeer, finding: Finding): WayError {
  const words = wordsOf(peer, finding);
  return new WayError({ step: peer.isProxy ? "proxy" : "tls", ...words }, new Error(finding.code));
}

function wordsOf(peer: TlsPeer, { code, certificate, now }: Finding): Words {
  const whose = `the certificate of ${peer.name}`;
  const late = chainOf(certificate).find(({ validToDate }) => validToDate < now);
  const early = chainOf(certificate).find(({ validFromDate }) => validFromDate > now);
  switch (code) {
    case "CERT_HAS_EXPIRED": {
      const what = `${whose} expired on ${day(late?.validToDate)}${ofWhom(late, certificate)}`;
      return { kind: "expired", what, fix: `renew it there, or correct this machine's clock, which says ${day(now)}` };
    }
    case "CERT_NOT_YET_VALID": {
      const what = `${whose} is not valid before ${day(early?.validFromDate)}${ofWhom(early, certificate)}`;
      return { kind: "not_yet_valid", what, fix: `correct this machine's clock, which says ${day(now)}, or wait` };
    }
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      const what = `${whose} is for another name: for ${namesIn(certificate)}, not for ${peer.expectedName}`;
      return {
        kind: "wrong_name",
        what,
        fix: "correct the address, or give the name of the certificate with --server-name",
      };
    }
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    // One of that name is trusted, with another key.
    case "CERT_SIGNATURE_FAILURE":
      return untrusted(peer, certificate);
    default:
      return {
        kind: "untrusted",
        what: `${whose} is not accepted (${code})`,
        fix: "see the certificate, and --ca-file",
      };
  }
}

/** Products that put themselves into TLS, by what their authorities are called. */
const inspectors =
  /squid|zscaler|forti(net|gate)|palo ?alto|blue ?coat|netskope|mitmproxy|sophos|umbrella|forcepoint|websense|mcafee|skyhigh|check ?point|untangle|barracuda|watchguard|sonicwall|kaspersky|avast|eset|bitdefender|inspection|intercept|fiddler|charles proxy|portswigger/i;

function untrusted({ name, isProxy, through, trust }: TlsPeer, certificate: X509Certificate | undefined): Words {
  const issuer = issuerOf(certificate);
  const trusted = `trusted are ${trust.words}`;
  if (certificate !== undefined && !isProxy && inspectors.test(issuer)) {
    const via = through === undefined ? "" : `, perhaps ${through},`;
    const what = `something on the way to ${name}${via} inspects TLS: it shows a certificate of its own, issued by ${issuer}`;
    return {
      kind: "inspected",
      what,
      fix: "except the server from inspection: with --ca-file alone it has to let HTTP/2 through",
    };
  }
  if (certificate !== undefined && certificate.subject === certificate.issuer) {
    const what = `the certificate of ${name} is self-signed and not trusted here (${trusted})`;
    return { kind: "self_signed", what, fix: "give it with --ca-file" };
  }
  const what = `the certificate of ${name} is signed by an authority that is not trusted here: ${issuer} (${trusted})`;
  const stranger = through === undefined ? "something on the way" : `something on the way, perhaps ${through},`;
  return {
    kind: "untrusted",
    what,
    fix: isProxy
      ? "give its authority with --ca-file, or add it to the system's"
      : `if that is the server's authority, give it with --ca-file; if not, ${stranger} shows a certificate of its own: except the server from inspection`,
  };
}

/** The certificate and those above it, as far as the peer sent them. */
function chainOf(certificate: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let one = certificate; one !== undefined && chain.length < 10; one = one.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === one?.fingerprint256)) break;
    chain.push(one);
  }
  return chain;
}

/** Names the certificate of an authority; the server's own needs no name. */
const ofWhom = (found: X509Certificate | undefined, leaf: X509Certificate | undefined): string =>
  found === undefined || found === leaf ? "" : ` (that of its authority ${nameText(found.subject)})`;

const day = (date: Date | undefined): string =>
  date === undefined ? "an unknown day" : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** Who signed a certificate, in one line. */
export const issuerOf = (certificate: X509Certificate | undefined): string => nameText(certificate?.issuer ?? "");

const maxNameLength = 150;

/** `CN=A, O=B` of what X.509 has in lines; whatever else is in it cannot break the line. */
const nameText = (name: string): string =>
  name.replaceAll("\n", ", ").replace(/\p{C}/gu, "").slice(0, maxNameLength) || "nobody";

const maxNames = 5;

function namesIn(certificate: X509Certificate | undefined): string {
  const all = (certificate?.subjectAltName ?? "")
    .split(", ")
    .map((name) => name.replace(/^(DNS|IP Address):/, "").replace(/\p{C}/gu, ""))
    .filter((name) => name !== "");
  if (all.length === 0) return `no name but ${nameText(certificate?.subject ?? "")}`;
  const more = all.length > maxNames ? ` and ${all.length - maxNames} more` : "";
  return all.slice(0, maxNames).join(", ").slice(0, 300) + more;
}
