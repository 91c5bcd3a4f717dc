import { createMessage, type Key, type PublicKey, readKeys, readSignature, type Signature, verify } from "openpgp";
import type { EngineName } from "../engine.ts";
import { hashiCorpKey } from "./hashicorp-key.ts";
import { openTofuKey } from "./opentofu-key.ts";

/** What is to be checked, and by which keys. */
export interface SignedFile {
  readonly content: Uint8Array;
  /** A detached OpenPGP signature, armored or not. */
  readonly signature: Uint8Array;
  readonly keys: readonly PublicKey[];
  readonly now: Date;
}

export type SignatureCheck =
  /** `by` names the key for people: its owner and fingerprint. */
  { readonly kind: "good"; readonly by: string } | { readonly kind: "refused"; readonly why: string };

const vendorKeys: Readonly<Record<EngineName, string>> = { terraform: hashiCorpKey, tofu: openTofuKey };
const blockPattern = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

/**
 * The keys that may sign an engine: its vendor's, and the operator's. Throws when the operator's text holds none, or
 * cannot be read.
 */
export async function trustedKeys(engine: EngineName, operatorKeys: string | undefined): Promise<readonly PublicKey[]> {
  const blocks = operatorKeys?.match(blockPattern) ?? [];
  if (operatorKeys !== undefined && blocks.length === 0) throw new Error("no armored OpenPGP public key in it");
  const keys = new Map<string, PublicKey>();
  for (const block of [vendorKeys[engine], ...blocks])
    for (const key of await readKeys({ armoredKeys: block })) {
      const known = keys.get(key.getFingerprint());
      keys.set(key.getFingerprint(), known === undefined ? key : await known.update(key));
    }
  return [...keys.values()];
}

/**
 * Checks a detached signature. One good signature of a trusted key is enough. The key must be valid now, as gpg asks:
 * expired and revoked keys are refused, also for what they signed in time, and a renewed key is good for what it signed
 * before.
 */
export async function checkSignature({ content, signature, keys, now }: SignedFile): Promise<SignatureCheck> {
  const read = await readDetached(signature).catch(() => undefined);
  if (read === undefined || read.packets.length === 0) return refused("it is no OpenPGP signature");
  const { signatures } = await verify({
    message: await createMessage({ binary: content }),
    signature: read,
    verificationKeys: [...keys],
    date: now,
    format: "binary",
    // A renewed key says only since when it is valid again, and is checked for today below.
    config: { allowInsecureVerificationWithReformattedKeys: true },
  });
  const reasons: string[] = [];
  for (const { keyID, verified } of signatures) {
    const id = keyID.toHex().toUpperCase();
    const key = keys.find((one) => one.getKeys(keyID).length > 0);
    const matches = await verified.then(
      () => undefined,
      (error: Error) => error.message,
    );
    const why = key === undefined ? `key ${id} is not trusted` : await whyUnusable(key, { id, now });
    if (why === undefined && matches === undefined && key !== undefined) return { kind: "good", by: nameOf(key) };
    reasons.push(why ?? `it does not match (${matches})`);
  }
  return refused(reasons.join("; "));
}

const refused = (why: string): SignatureCheck => ({ kind: "refused", why });

function readDetached(bytes: Uint8Array): Promise<Signature> {
  const text = Buffer.from(bytes).toString("latin1");
  return text.includes("-----BEGIN PGP SIGNATURE-----")
    ? readSignature({ armoredSignature: text })
    : readSignature({ binarySignature: bytes });
}

/** Why a key, or the part of it that signed, does not count now. */
async function whyUnusable(
  key: Key,
  { id, now }: { readonly id: string; readonly now: Date },
): Promise<string | undefined> {
  if (await key.isRevoked(undefined, undefined, now)) return `key ${nameOf(key)} is revoked`;
  const expiresAt = await key.getExpirationTime();
  if (expiresAt instanceof Date && expiresAt <= now)
    return `key ${nameOf(key)} has expired on ${expiresAt.toISOString().slice(0, 10)}`;
  const part = key.getKeys().find((one) => one.getKeyID().toHex().toUpperCase() === id);
  return part === undefined
    ? undefined
    : key.getSigningKey(part.getKeyID(), now).then(
        () => undefined,
        (error: Error) => `key ${id} of ${nameOf(key)} may not sign: ${error.message}`,
      );
}

/** Owner and fingerprint. */
export const nameOf = (key: Key): string =>
  `${(key.getUserIDs()[0] ?? "nobody").replace(/ *[(<].*/, "")} (${key.getFingerprint().toUpperCase()})`;
