import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ManifestRelease, publicKeys, signManifest } from "../../scripts/releasing/manifest.ts";
import { makePlace } from "../../scripts/releasing/place.ts";
import { products } from "../../scripts/releasing/product.ts";
import { packTarball } from "../../scripts/releasing/tarball.ts";

const root = resolve(import.meta.dirname, "../..");

/** What becomes of the program in a version that is no good. */
export type Defect = "crashes" | "hangs" | "holds no session";

/** Releases of the agent as `scripts/release` makes them, but for Node, which is that of the tests. */
export class Versions {
  /** As `--agent-releases` takes it. */
  readonly directory: string;
  readonly #work: string;
  readonly #keys: readonly string[];
  readonly #releases: ManifestRelease[] = [];
  #base: string | undefined;
  #sequence = 1;

  private constructor(work: string, keys: readonly string[]) {
    this.#work = work;
    this.#keys = keys;
    this.directory = join(work, "releases");
  }

  static async make(work: string): Promise<Versions> {
    const keys = await Promise.all(
      [1, 2, 3].map((number) => readFile(join(root, `packaging/keys/test-${number}.pem`), "utf8")),
    );
    await mkdir(join(work, "releases"), { recursive: true });
    return new Versions(work, keys);
  }

  /** Unpacks a version as its archive would be, and answers the path of its launcher. */
  async install(version: string): Promise<string> {
    const place = join(this.#work, `installed-${version}`);
    await this.#build(place, version, undefined);
    return join(place, "bin/windlass-agent");
  }

  /** Adds a version to the manifest. */
  async publish(version: string, defect?: Defect): Promise<void> {
    const name = `windlass-agent-${version}-linux-${process.arch}`;
    const place = join(this.#work, name);
    await this.#build(place, version, defect);
    const file = `${name}.tar.gz`;
    await packTarball(place, join(this.directory, file), { epochSeconds: 1_700_000_000, compression: 1 });
    await rm(place, { recursive: true });
    const bytes = await readFile(join(this.directory, file));
    const { size } = await stat(join(this.directory, file));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const artifacts = [{ os: "linux", arch: process.arch, file, size, sha256 } as const];
    this.#releases.push({ version, min_server: "0.0.1", journal_format: 1, artifacts });
    await this.#sign();
  }

  async #sign(): Promise<void> {
    const manifest = {
      ...{ schema: 1, product: "windlass-agent", sequence: this.#sequence++, channel: "stable", next_keys: [] },
      ...{ issued: "2026-01-01T00:00:00.000Z", expires: "2099-01-01T00:00:00.000Z", releases: this.#releases },
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    await put(join(this.directory, "manifest.json.sig"), JSON.stringify(signManifest(bytes, this.#keys)));
    await put(join(this.directory, "manifest.json"), bytes);
  }

  async #build(place: string, version: string, defect: Defect | undefined): Promise<void> {
    this.#base ??= await this.#makeBase();
    await cp(this.#base, place, { recursive: true });
    const rewrite = async (name: string) => {
      const text = await readFile(join(place, name), "utf8");
      await writeFile(join(place, name), text.replaceAll(baseVersion, version));
    };
    await rewrite("package.json");
    await rewrite("bin/windlass-agent");
    const program = join(place, "dist/bundle/windlass-agent.cjs");
    if (defect === "crashes") await writeFile(program, "process.exitCode = 1;\n");
    if (defect === "hangs") await writeFile(program, "for (;;);\n");
    if (defect !== "holds no session") return;
    // It is told another server, at which nobody listens.
    const node = join(place, "node/bin/node");
    const text = await readFile(node, "utf8");
    await writeFile(node, text.replace("exec", `${otherAddress}\nexec`));
  }

  /** Bundled once for all versions. */
  async #makeBase(): Promise<string> {
    const base = join(this.#work, "base");
    const runtime = { program: join(this.#work, "node"), license: join(root, "LICENSE") };
    await writeFile(runtime.program, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
    const product = products.find(({ program }) => program === "windlass-agent");
    if (product === undefined) throw new Error("there is no agent among the products");
    const arch = process.arch === "arm64" ? "arm64" : "x64";
    await makePlace(base, { root, product, version: baseVersion, arch, runtime, updateKeys: publicKeys(this.#keys) });
    await rm(join(base, "share"), { recursive: true, force: true });
    return base;
  }
}

const baseVersion = "0.0.0-base";

/** A shell puts another address in the place of the one that the program was given. */
const otherAddress = `last=
for word do
  shift
  given=$word
  [ "$last" != --address ] || word=http://127.0.0.1:1
  last=$given
  set -- "$@" "$word"
done`;

/** Whoever reads meanwhile reads one or the other. */
async function put(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

/** Versions that an agent has beside the installed one. */
export const slotsOf = async (dataDir: string): Promise<readonly string[]> =>
  (await readdir(join(dataDir, "versions"), { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
