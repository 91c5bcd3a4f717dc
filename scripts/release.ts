import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { packDebian } from "./releasing/debian.ts";
import { makeExecutable } from "./releasing/executable.ts";
import {
  type Manifest,
  type ManifestRelease,
  publicKeys,
  type ReleasedArtifact,
  signManifest,
} from "./releasing/manifest.ts";
import { billOfMaterials } from "./releasing/materials.ts";
import { nodeRuntime } from "./releasing/node-runtime.ts";
import { packNpm } from "./releasing/npm-package.ts";
import { type ReleaseOptions, readReleaseOptions, usage } from "./releasing/options.ts";
import { makePlace } from "./releasing/place.ts";
import { type Architecture, architectures, products } from "./releasing/product.ts";
import { packTarball } from "./releasing/tarball.ts";

const root = resolve(import.meta.dirname, "..");
const dayMs = 24 * 3_600_000;

async function release(options: ReleaseOptions): Promise<void> {
  const { out, version } = options;
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  for (const arch of options.archs) await releaseFor(arch, options);
  if (options.kinds.includes("npm")) await packNpm(out, { root, version, runtime: await nodeRuntime(root, "x64") });
  for (const kind of ["protos", "python", "go"] as const) {
    const env = { WINDLASS_RELEASE_VERSION: version };
    if (options.kinds.includes(kind)) await execa(join(root, `scripts/release-${kind}`), [out], { env });
  }
  await writeFile(join(out, `windlass-${version}.cdx.json`), await billOfMaterials(root, options));
  if (options.kinds.includes("tarball")) await writeManifest(options);
  await writeSums(out);
}

async function releaseFor(arch: Architecture, options: ReleaseOptions): Promise<void> {
  const { out, version, kinds } = options;
  const runtime = await nodeRuntime(root, arch);
  for (const product of products) {
    const name = `${product.program}-${version}-linux-${arch}`;
    const place = join(out, name);
    if (kinds.includes("tarball") || kinds.includes("deb")) {
      console.error(`… ${name}`);
      const updateKeys = publicKeys(options.trusted);
      await makePlace(place, { root, product, version, arch, runtime, updateKeys });
      if (kinds.includes("tarball")) await packTarball(place, `${place}.tar.gz`, options);
      if (kinds.includes("deb")) {
        const file = join(out, `${product.packageName}_${version.replace("-", "~")}_${architectures[arch]}.deb`);
        await packDebian(file, { ...options, root, place, product, arch });
      }
      await rm(place, { recursive: true });
    }
    if (kinds.includes("executable") && product.isSingle)
      await makeExecutable(place, { root, product, version, arch, runtime });
  }
}

async function writeManifest(options: ReleaseOptions): Promise<void> {
  const { out, version, archs, epochSeconds, expiresAfterDays, sequence, minServer, earlier, keys } = options;
  const artifacts: ReleasedArtifact[] = [];
  for (const arch of archs) {
    const file = `windlass-agent-${version}-linux-${arch}.tar.gz`;
    const { size } = await stat(join(out, file));
    artifacts.push({ os: "linux", arch, file, size, sha256: await hashOf(join(out, file)) });
  }
  const own: ManifestRelease = { version, min_server: minServer, journal_format: 1, artifacts };
  const issuedMs = epochSeconds * 1_000;
  const manifest: Manifest = {
    schema: 1,
    product: "windlass-agent",
    sequence,
    issued: new Date(issuedMs).toISOString(),
    expires: new Date(issuedMs + expiresAfterDays * dayMs).toISOString(),
    channel: "stable",
    releases: [own, ...earlier],
    next_keys: [],
  };
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(join(out, "manifest.json"), bytes);
  await writeFile(join(out, "manifest.json.sig"), `${JSON.stringify(signManifest(bytes, keys), null, 2)}\n`);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** As `sha256sum --check` reads them. */
async function writeSums(out: string): Promise<void> {
  const names = (await readdir(out)).filter((name) => name !== "SHA256SUMS").toSorted();
  const lines: string[] = [];
  for (const name of names) lines.push(`${await hashOf(join(out, name))}  ${name}\n`);
  await writeFile(join(out, "SHA256SUMS"), lines.join(""));
}

const args = process.argv.slice(2);
if (args.includes("--help")) console.log(usage);
else
  try {
    const options = await readReleaseOptions(root, args);
    if (options.hasTestKeys)
      console.error("the manifest is signed with the keys of the tests: no program of a release trusts it");
    await release(options);
    console.error(`released into ${options.out}`);
  } catch (error) {
    console.error(`scripts/release: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
