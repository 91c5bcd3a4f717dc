import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Random } from "../random.ts";

/**
 * Who a token speaks for: `usr` people and CI, `agt` an agent pool, `ses` one agent session, `job` one job, `web` a browser in
 * which somebody is signed in.
 */
export const tokenKinds = ["usr", "agt", "ses", "job", "web"] as const;

export type TokenKind = (typeof tokenKinds)[number];

/** What a text is as a token; only the store knows whether a well-formed one is valid. */
export type ParsedToken =
  | { readonly kind: "ok"; readonly tokenKind: TokenKind }
  | { readonly kind: "malformed" }
  | { readonly kind: "bad-checksum" };

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 30;
const checksumLength = 6;
const shape = `wdl_(${tokenKinds.join("|")})_([0-9A-Za-z]{${secretLength}})_([0-9A-Za-z]{${checksumLength}})`;
const wholeToken = new RegExp(`^${shape}$`);
const anyToken = /\bwdl_[a-z]{3}_[0-9A-Za-z]{8,}(_[0-9A-Za-z]*)?/g;

/** A new secret, `wdl_<kind>_<30 base62>_<6 base62 CRC32>`, with 178 random bits. */
export const mintToken = (kind: TokenKind, random: Random): string => assemble(kind, random.bytes(32));

/**
 * A secret that the holder of `hmacKey` can make again from `label`, so that it need not be stored to be repeated.
 * Labels name all that the token is bound to; the kind is part of what is signed.
 */
export const mintDerivedToken = (kind: TokenKind, hmacKey: Uint8Array, label: string): string =>
  assemble(kind, createHmac("sha256", hmacKey).update(`${kind}\n${label}`).digest());

/** Checks form and checksum, which finds typing errors and cut-off pastes without a look-up. */
export function parseToken(text: string): ParsedToken {
  const match = wholeToken.exec(text);
  const tokenKind = tokenKinds.find((kind) => kind === match?.[1]);
  if (match === null || tokenKind === undefined) return { kind: "malformed" };
  const checked = text.slice(0, -checksumLength - 1);
  if (match[3] !== checksum(checked)) return { kind: "bad-checksum" };
  return { kind: "ok", tokenKind };
}

/** SHA-256 in hex: what is stored in place of the secret. */
export const hashToken = (token: string): string => createHash("sha256").update(token).digest("hex");

/** True when both hashes are the same, in a time that does not depend on where they differ. */
export function sameHash(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** What may be shown of a token for ever, `wdl_agt_4kQ9…`; a text that is no token shows nothing. */
export const maskToken = (token: string): string => (token.startsWith("wdl_") ? `${token.slice(0, 12)}…` : "…");

/** The text with every token in it masked, complete or cut off. */
export const maskTokensIn = (text: string): string => text.replace(anyToken, maskToken);

function assemble(kind: TokenKind, bytes: Uint8Array): string {
  const body = `wdl_${kind}_${base62(BigInt(`0x${Buffer.from(bytes).toString("hex")}`), secretLength)}`;
  return `${body}_${checksum(body)}`;
}

const checksum = (text: string): string => base62(BigInt(crc32(text)), checksumLength);

/** The lowest `length` digits; 256 bits reduced to 30 digits (178.6 bits) are uniform to within 2^-77. */
function base62(value: bigint, length: number): string {
  let rest = value;
  let digits = "";
  for (let index = 0; index < length; index++) {
    digits = alphabet.charAt(Number(rest % 62n)) + digits;
    rest /= 62n;
  }
  return digits;
}
