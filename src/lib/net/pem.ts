import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** Certificates and a key as files hold them. */
export interface PemFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface PemProblem {
  readonly part: keyof PemFiles;
  /** Continues a sentence that begins with the name of the file: `holds no certificate in PEM form`. */
  readonly message: string;
}

/**
 * The first thing that is wrong with them; undefined if nothing is. TLS libraries skip what they cannot read, or say so
 * in numbers.
 */
export function pemProblem({ ca, cert, key }: PemFiles): PemProblem | undefined {
  for (const [part, text] of [
    ["ca", ca],
    ["cert", cert],
  ] as const) {
    const message = text === undefined ? undefined : certificateProblem(text);
    if (message !== undefined) return { part, message };
  }
  if (key === undefined) return undefined;
  const read = privateKeyIn(key);
  if (read === undefined) return { part: "key", message: "holds no private key in PEM form (without a passphrase)" };
  if (cert === undefined || new X509Certificate(cert).checkPrivateKey(read)) return undefined;
  return { part: "key", message: "holds a key that does not belong to the certificate" };
}

const begin = "-----BEGIN CERTIFICATE-----";
const end = "-----END CERTIFICATE-----";

/** The certificates in a text, each as it stands there. */
export function certificateBlocks(text: string): readonly string[] {
  const blocks: string[] = [];
  for (let at = text.indexOf(begin); at >= 0; ) {
    const stop = text.indexOf(end, at);
    if (stop < 0) break;
    blocks.push(text.slice(at, stop + end.length));
    at = text.indexOf(begin, stop);
  }
  return blocks;
}

/** What is wrong with a text that should hold certificates; continues a sentence that names it. */
export function certificateProblem(text: string): string | undefined {
  const blocks = certificateBlocks(text);
  if (blocks.length === 0) return "holds no certificate in PEM form";
  const bad = blocks.findIndex((one) => !isCertificate(one));
  return bad < 0 ? undefined : `holds a certificate that cannot be read (number ${bad + 1} of ${blocks.length})`;
}

/** True for a text with a private key of any kind, encrypted or not. */
export const holdsPrivateKey = (text: string): boolean => /-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----/.test(text);

/** A certificate, and what people know it by. */
export interface Certificate {
  /** In one canonical form, with a newline at its end. */
  readonly pem: string;
  readonly subject: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** The certificates of a text that has no problem; whatever stands between them is left out. */
export const certificatesIn = (text: string): readonly Certificate[] =>
  certificateBlocks(text).map((block) => {
    const certificate = new X509Certificate(block);
    const { subject, validFromDate: validFrom, validToDate: validTo } = certificate;
    return { pem: certificate.toString(), subject: subject?.replaceAll("\n", ", ") ?? "", validFrom, validTo };
  });

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

function privateKeyIn(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}
