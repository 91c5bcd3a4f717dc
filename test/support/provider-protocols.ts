import { createHash } from "node:crypto";
import { type ProviderPackage, placeOf } from "./provider-package.ts";
import { detachedSignature, herePlatform, type ReleaseKey, sha256 } from "./release-mirror.ts";

/** What is asked of a registry (discovery to signature), of a network mirror (index, archives), and the packages. */
export type AnswerKind = "discovery" | "versions" | "download" | "sums" | "signature" | "index" | "archives" | "zip";

/**
 * `hashes`: checksums of something else, in every place that has some. `signature`: another key than the one that is
 * named.
 */
export type Lie = "hashes" | "signature";

/** What a registry has, and how honest it is. */
export interface Shelf {
  readonly packages: ProviderPackage[];
  readonly lies: ReadonlySet<Lie>;
  readonly key: ReleaseKey;
  readonly otherKey: ReleaseKey;
}

export interface Request {
  readonly kind: AnswerKind;
  /** For the registry protocol without a host: `namespace/type`. */
  readonly source: string;
  readonly version: string;
}

const patterns: readonly (readonly [AnswerKind, RegExp])[] = [
  ["discovery", /^\/\.well-known\/terraform\.json$/],
  ["versions", /^\/v1\/providers\/(?<source>[^/]+\/[^/]+)\/versions$/],
  ["download", /^\/v1\/providers\/(?<source>[^/]+\/[^/]+)\/(?<version>[^/]+)\/download\/[^/]+\/[^/]+$/],
  ["sums", /^\/packages\/(?<source>[^/]+\/[^/]+\/[^/]+)\/(?<version>[^/]+)\/SHA256SUMS$/],
  ["signature", /^\/packages\/(?<source>[^/]+\/[^/]+\/[^/]+)\/(?<version>[^/]+)\/SHA256SUMS\.sig$/],
  ["zip", /^\/packages\/(?<source>[^/]+\/[^/]+\/[^/]+)\/(?<version>[^/]+)\/[^/]+\.zip$/],
  ["index", /^\/mirror\/(?<source>[^/]+\/[^/]+\/[^/]+)\/index\.json$/],
  ["archives", /^\/mirror\/(?<source>[^/]+\/[^/]+\/[^/]+)\/(?<version>[^/]+)\.json$/],
];

export function requestOf(path: string): Request | undefined {
  for (const [kind, pattern] of patterns) {
    const groups = pattern.exec(decodeURIComponent(path));
    if (groups !== null) return { kind, source: groups.groups?.source ?? "", version: groups.groups?.version ?? "" };
  }
  return undefined;
}

/** The honest answer, or the lie that was ordered; nothing for what is not there. */
export async function answerTo(request: Request, shelf: Shelf): Promise<Uint8Array | undefined> {
  if (request.kind === "discovery") return json({ "providers.v1": "/v1/providers/" });
  // A registry's paths are without its host: it may be one that the CLI configuration sends here.
  const all = shelf.packages.filter(({ source }) => `/${source}`.endsWith(`/${request.source}`));
  if (request.kind === "versions") return all.length === 0 ? undefined : json({ versions: all.map(registryVersion) });
  if (request.kind === "index") return all.length === 0 ? undefined : json({ versions: mirrorVersions(all) });
  const found = all.find(({ version }) => version === request.version);
  return found === undefined ? undefined : ofPackage(request.kind, found, shelf);
}

type PackageAnswer = Exclude<AnswerKind, "discovery" | "versions" | "index">;

function ofPackage(kind: PackageAnswer, found: ProviderPackage, shelf: Shelf): Promise<Uint8Array> | Uint8Array {
  switch (kind) {
    case "download":
      return json(download(found, shelf));
    case "sums":
      return Buffer.from(sumsOf(found, shelf));
    case "signature":
      return detachedSignature(sumsOf(found, shelf), shelf.lies.has("signature") ? shelf.otherKey : shelf.key);
    case "archives":
      return json({
        archives: { [herePlatform]: { url: `${baseOf(found)}/${fileOf(found)}`, hashes: hashesOf(found, shelf) } },
      });
    case "zip":
      return found.zip;
  }
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const [os = "", arch = ""] = herePlatform.split("_");

const registryVersion = ({ version }: ProviderPackage) => ({ version, protocols: ["6.0"], platforms: [{ os, arch }] });

const mirrorVersions = (packages: readonly ProviderPackage[]) =>
  Object.fromEntries(packages.map(({ version }) => [version, {}]));

const baseOf = ({ source, version }: ProviderPackage) => `/packages/${source}/${version}`;

const fileOf = (each: ProviderPackage) => placeOf(each).packed.slice(each.source.length + 1);

const zipSum = ({ zip }: ProviderPackage, { lies }: Shelf) =>
  lies.has("hashes") ? createHash("sha256").update("another zip").digest("hex") : sha256(zip);

const sumsOf = (each: ProviderPackage, shelf: Shelf) => `${zipSum(each, shelf)}  ${fileOf(each)}\n`;

const hashesOf = (each: ProviderPackage, shelf: Shelf) =>
  shelf.lies.has("hashes") ? [`zh:${zipSum(each, shelf)}`] : [each.h1, `zh:${zipSum(each, shelf)}`];

const download = (each: ProviderPackage, shelf: Shelf) => ({
  protocols: ["6.0"],
  os,
  arch,
  filename: fileOf(each),
  download_url: `${baseOf(each)}/${fileOf(each)}`,
  shasums_url: `${baseOf(each)}/SHA256SUMS`,
  shasums_signature_url: `${baseOf(each)}/SHA256SUMS.sig`,
  shasum: zipSum(each, shelf),
  signing_keys: { gpg_public_keys: [{ key_id: shelf.key.keyId, ascii_armor: shelf.key.armored }] },
});
