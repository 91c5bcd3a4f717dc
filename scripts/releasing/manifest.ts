import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

/** A file of a release that agents take. */
export interface ReleasedArtifact {
  readonly os: "linux";
  readonly arch: string;
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
}

/** One version, as a manifest tells of it. */
export interface ManifestRelease {
  readonly version: string;
  /** The oldest server that such an agent works with. */
  readonly min_server: string;
  /** What it writes into its journals: a version that cannot read them back is not one to switch from. */
  readonly journal_format: number;
  readonly artifacts: readonly ReleasedArtifact[];
  readonly notes_url?: string;
  /** Why nobody should take it. */
  readonly withdrawn?: string;
}

/** What agents update themselves by. Signed as the bytes lie: nothing is put in order before. */
export interface Manifest {
  readonly schema: 1;
  readonly product: "windlass-agent";
  /** Rises with each manifest: an older one is refused by who has seen a newer one. */
  readonly sequence: number;
  readonly issued: string;
  /** After it nobody trusts the manifest: who is kept from newer ones notices. */
  readonly expires: string;
  readonly channel: "stable";
  readonly releases: readonly ManifestRelease[];
  /** Keys that will sign later manifests: base64 of 32 bytes each. */
  readonly next_keys: readonly string[];
}

/** The signatures beside a manifest. */
export interface ManifestSignatures {
  readonly signatures: readonly { readonly key: string; readonly signature: string }[];
}

/** How many of the three keys have to sign. */
export const neededSignatures = 2;

/** Signs the exact bytes of a manifest with Ed25519 keys, each a private key in PEM. */
export function signManifest(bytes: Uint8Array, privateKeys: readonly string[]): ManifestSignatures {
  const keys = privateKeys.map((pem) => createPrivateKey(pem));
  const signatures = keys.map((key) => {
    if (key.asymmetricKeyType !== "ed25519") throw new Error("a manifest is signed with Ed25519 keys only");
    return { key: keyId(createPublicKey(key)), signature: sign(null, bytes, key).toString("base64") };
  });
  if (new Set(signatures.map(({ key }) => key)).size < neededSignatures)
    throw new Error(
      `a manifest needs ${neededSignatures} signatures of different keys, and there are ${signatures.length}`,
    );
  return { signatures };
}

/** The public halves of keys that sign: what a release trusts later ones by. */
export const publicKeys = (pems: readonly string[]): readonly string[] => [
  ...new Set(pems.map((pem) => rawKey(createPublicKey(pem)).toString("base64"))),
];

/** The first 16 hex digits of the hash of a public key. */
const keyId = (key: KeyObject): string => createHash("sha256").update(rawKey(key)).digest("hex").slice(0, 16);

/** Without what says that it is an Ed25519 key. */
const rawKey = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" }).subarray(-32);
