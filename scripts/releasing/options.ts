import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { valid } from "semver";
import { type Manifest, type ManifestRelease, signManifest } from "./manifest.ts";
import { type Architecture, architectures } from "./product.ts";

/** What needs nothing but this clone, and what needs another language and its registry. */
const ownKinds = ["tarball", "deb", "executable", "npm", "protos"] as const;
export const kinds = [...ownKinds, "python", "go"] as const;
/** `tarball`, `deb`, … */
export type Kind = (typeof kinds)[number];

/** What `scripts/release` was told. */
export interface ReleaseOptions {
  readonly version: string;
  readonly out: string;
  readonly archs: readonly Architecture[];
  readonly kinds: readonly Kind[];
  /** Private keys in PEM that sign the manifest. */
  readonly keys: readonly string[];
  readonly hasTestKeys: boolean;
  /** Keys in PEM that its agents trust: their public halves are part of it. */
  readonly trusted: readonly string[];
  readonly sequence: number;
  readonly epochSeconds: number;
  readonly compression: number;
  readonly expiresAfterDays: number;
  readonly minServer: string;
  /** Of the manifest before: they stay in the new one. */
  readonly earlier: readonly ManifestRelease[];
}

export const usage = `scripts/release VERSION [--out DIR] [--arch x64,arm64] [--only KIND,…]
Builds what people install: archives and .deb packages of the three programs with their own Node, single executables of client and agent,
an npm package, the protos, packages of the API for Python and Go, SHA256SUMS, a bill of materials, and the signed manifest by which agents update themselves. The same commit,
version, keys and manifest before give the same bytes. Paths are relative to the repository.

  --out DIR             where to [release/VERSION]
  --arch ARCH,…         for which processors [x64,arm64]
  --only KIND,…         of ${kinds.join(", ")} [all but python and go, which need
                        these languages and their registries]
  --compression N       from 1, which is fast, to 9, which is small [6]
  --sequence N          of the manifest; has to be above that of the one before
                        [the commit's time in seconds, or one more than --previous has]
  --expires-after DAYS  when the manifest is no longer trusted [180]
  --min-server VERSION  the oldest server that such agents work with [0.1.0]
  --previous FILE       the manifest before: its releases stay in the new one
  --trust-test-keys     without keys of your own: makes agents that trust the keys of the tests,
                        which everybody has, to try updates out

The manifest is signed with the keys that $WINDLASS_RELEASE_KEYS names: files with Ed25519 private keys in PEM, a,b. Its agents trust these
and the public ones that $WINDLASS_RELEASE_TRUSTED_KEYS names. Without keys those of the tests sign, which no program of a release trusts.`;

/** Throws what is wrong, for people. */
export async function readReleaseOptions(root: string, args: readonly string[]): Promise<ReleaseOptions> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: "string" },
      arch: { type: "string", default: Object.keys(architectures).join() },
      only: { type: "string", default: ownKinds.join() },
      compression: { type: "string", default: "6" },
      sequence: { type: "string" },
      "expires-after": { type: "string", default: "180" },
      "min-server": { type: "string", default: "0.1.0" },
      previous: { type: "string" },
      "trust-test-keys": { type: "boolean", default: false },
    },
  });
  const [version = "", ...others] = positionals;
  if (valid(version) !== version || others.length > 0)
    throw new Error(
      `one VERSION is needed, as 1.2.3 or 1.2.3-rc.1, and here is ${JSON.stringify(positionals.join(" "))}`,
    );
  const named = process.env.WINDLASS_RELEASE_KEYS?.split(",").filter((path) => path !== "");
  const paths = named ?? [1, 2, 3].map((number) => `${root}/packaging/keys/test-${number}.pem`);
  const keys = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  const more = process.env.WINDLASS_RELEASE_TRUSTED_KEYS?.split(",").filter((path) => path !== "") ?? [];
  const trusts = named !== undefined || values["trust-test-keys"];
  const epochSeconds = await commitTime(root);
  const previous = values.previous === undefined ? undefined : await readPrevious(values.previous);
  const chosen = listOf("--only", values.only, kinds);
  // Too few keys, or keys of another kind, are told now and not after the building.
  if (chosen.includes("tarball")) signManifest(new Uint8Array(), keys);
  return {
    version,
    out: values.out ?? `${root}/release/${version}`,
    archs: listOf("--arch", values.arch, Object.keys(architectures) as Architecture[]),
    kinds: chosen,
    keys,
    hasTestKeys: named === undefined,
    trusted: trusts ? [...keys, ...(await Promise.all(more.map((path) => readFile(path, "utf8"))))] : [],
    sequence: sequenceOf(values.sequence, epochSeconds, previous?.sequence ?? 0),
    epochSeconds,
    compression: wholeNumber("--compression", values.compression, 9),
    expiresAfterDays: wholeNumber("--expires-after", values["expires-after"]),
    minServer: versionOf("--min-server", values["min-server"]),
    earlier: (previous?.releases ?? []).filter((known) => known.version !== version),
  };
}

function listOf<const T extends string>(flag: string, text: string, known: readonly T[]): readonly T[] {
  const found = text.split(",").map((name) => known.find((candidate) => candidate === name) ?? name);
  const unknown = found.filter((name) => !known.some((candidate) => candidate === name));
  if (unknown.length > 0) throw new Error(`${flag}: ${unknown.join(", ")}: there is ${known.join(", ")}`);
  return known.filter((name) => found.includes(name));
}

function wholeNumber(flag: string, text: string, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0 && number <= most) return number;
  throw new Error(`${flag}: expected a whole number from 1 to ${most}, got "${text}"`);
}

function versionOf(flag: string, text: string): string {
  if (valid(text) === text) return text;
  throw new Error(`${flag}: expected a version as 1.2.3, got "${text}"`);
}

/** Read before anything is built: the new release may be written over it. */
async function readPrevious(path: string): Promise<Pick<Manifest, "sequence" | "releases">> {
  const text = await readFile(path, "utf8");
  try {
    const { sequence, releases }: Partial<Manifest> = JSON.parse(text);
    if (typeof sequence === "number" && Array.isArray(releases)) return { sequence, releases };
  } catch {}
  throw new Error(`--previous: ${path} is no manifest of agent versions`);
}

/** Agents refuse a manifest that is older than one they have seen. The commit's time is raised where it would not do. */
function sequenceOf(given: string | undefined, epochSeconds: number, before: number): number {
  if (given === undefined) return Math.max(epochSeconds, before + 1);
  const sequence = wholeNumber("--sequence", given);
  if (sequence > before) return sequence;
  throw new Error(`--sequence has to be above ${before}, which the manifest of --previous has`);
}

/** When what is released was committed: it stands for the time of everything that is packed. */
async function commitTime(root: string): Promise<number> {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) return wholeNumber("SOURCE_DATE_EPOCH", given);
  const { stdout } = await execa("git", ["-C", root, "log", "-1", "--format=%ct"]);
  return Number(stdout);
}
