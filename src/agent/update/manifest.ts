import { createHash, createPublicKey, verify } from "node:crypto";
import * as z from "zod";

const sha256Pattern = /^[0-9a-f]{64}$/;
const fileName = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,254}$/;

const artifactShape = z.object({
  os: z.string(),
  arch: z.string(),
  file: z.string().regex(fileName),
  size: z.int().positive(),
  sha256: z.string().regex(sha256Pattern),
});

const releaseShape = z.object({
  version: z.string(),
  min_server: z.string(),
  journal_format: z.int().positive(),
  artifacts: z.array(artifactShape),
  withdrawn: z.string().optional(),
});

const manifestShape = z.object({
  schema: z.literal(1),
  product: z.literal("windlass-agent"),
  sequence: z.int().positive(),
  expires: z.iso.datetime(),
  releases: z.array(releaseShape),
  next_keys: z.array(z.string()).default([]),
});

const signaturesShape = z.object({
  signatures: z.array(z.object({ key: z.string(), signature: z.string() })).max(64),
});

/** What agents update themselves by, as scripts/releasing writes it. What it does not know in it is passed over. */
export type UpdateManifest = Readonly<z.infer<typeof manifestShape>>;
export type UpdateRelease = Readonly<z.infer<typeof releaseShape>>;
export type UpdateArtifact = Readonly<z.infer<typeof artifactShape>>;

/** A manifest as it comes: nothing in it is believed yet. */
export interface SignedManifest {
  readonly manifest: Uint8Array;
  readonly signatures: Uint8Array;
}

/** How many keys of one set have to sign. */
export const neededSignatures = 2;

/** How many different keys of a set have signed exactly these bytes. Keys are base64 of 32 bytes. */
export function countSignatures({ manifest, signatures }: SignedManifest, keys: readonly string[]): number {
  const known = [...new Set(keys)].map((key) => ({ id: keyIdOf(key), key: publicKeyOf(key) }));
  const good = new Set<string>();
  for (const { key, signature } of signaturesIn(signatures)) {
    const signer = known.find(({ id }) => id === key);
    if (signer === undefined) continue;
    if (verify(null, manifest, signer.key, Buffer.from(signature, "base64"))) good.add(signer.id);
  }
  return good.size;
}

/** Reads a manifest whose signatures were counted before; undefined if it is of a form that this version does not know. */
export function readManifest({ manifest }: Pick<SignedManifest, "manifest">): UpdateManifest | undefined {
  return manifestShape.safeParse(jsonOf(manifest)).data;
}

const signaturesIn = (bytes: Uint8Array) => signaturesShape.safeParse(jsonOf(bytes)).data?.signatures ?? [];

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** What precedes the bytes of an Ed25519 key in its usual form. */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

const publicKeyOf = (key: string) =>
  createPublicKey({ key: Buffer.concat([spkiPrefix, rawOf(key)]), format: "der", type: "spki" });

const keyIdOf = (key: string): string => createHash("sha256").update(rawOf(key)).digest("hex").slice(0, 16);

const rawOf = (key: string): Buffer => Buffer.from(key, "base64");

/** Whether a text can be a key. */
export const isUpdateKey = (text: string): boolean => rawOf(text).length === 32;
