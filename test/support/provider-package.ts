import { createCipheriv, createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { herePlatform } from "./release-mirror.ts";
import { zipOf } from "./zip.ts";

/** A version of a provider, as its vendor packs it: the program of `fake-provider` under a name of its own. */
export interface ProviderPackage {
  /** As `required_providers` writes it: `windlass.test/test/fake`. */
  readonly source: string;
  readonly type: string;
  readonly version: string;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly zip: Buffer;
  /** The package's hash in lock files that covers its files, whether packed or not. */
  readonly h1: string;
}

export interface PackageOptions {
  /** `windlass.test/test/fake` if absent; its last part is also what the types of the provider begin with. */
  readonly source?: string;
  readonly version?: string;
  /** Bytes that cannot be compressed, to make it as large as real ones. */
  readonly paddingBytes?: number;
  /** Text that makes it another content under the same version. */
  readonly note?: string;
}

export const fakeSource = "windlass.test/test/fake";

/** A sandbox must see this directory, because packages start the Node that runs the tests. */
export const nodeDirectory = fileURLToPath(new URL(".", `file://${process.execPath}`));

/** Packs the fake provider. */
export async function providerPackage({
  source = fakeSource,
  version = "1.0.0",
  paddingBytes = 0,
  note = "",
}: PackageOptions = {}): Promise<ProviderPackage> {
  const type = source.split("/").at(-1) ?? "";
  const files = new Map([
    [`terraform-provider-${type}_v${version}`, launcher(type, note)],
    ["provider.cjs", await program()],
  ]);
  if (paddingBytes > 0) files.set("padding", padding(paddingBytes, `${type} ${version}`));
  return { source, type, version, files, zip: packed(files), h1: h1Of(files) };
}

/** Where a package lies in a filesystem mirror, and what it is called in a zip. */
export const placeOf = ({ source, version, type }: ProviderPackage) => ({
  unpacked: join(source, version, herePlatform),
  packed: join(source, `terraform-provider-${type}_${version}_${herePlatform}.zip`),
});

/** Writes a filesystem mirror: packages as zips or as directories. */
export async function writeMirror(
  directory: string,
  packages: readonly ProviderPackage[],
  layout: "packed" | "unpacked" = "unpacked",
): Promise<void> {
  for (const each of packages) {
    if (layout === "unpacked") await writePackage(join(directory, placeOf(each).unpacked), each);
    else await writeInto(join(directory, each.source), placeOf(each).packed.slice(each.source.length + 1), each.zip);
  }
}

/** Writes the files of a package. */
export async function writePackage(directory: string, { files }: ProviderPackage): Promise<void> {
  for (const [name, content] of files) await writeInto(directory, name, content);
}

async function writeInto(directory: string, name: string, content: Buffer): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, name), content, { mode: modeOf(name) });
}

const modeOf = (name: string) => (/^terraform-provider-[^.]*_v/.test(name) ? 0o755 : 0o644);

const launcher = (type: string, note: string) =>
  Buffer.from(`#!/bin/sh\n# ${note}\nexec '${process.execPath}' "\${0%/*}/provider.cjs" ${type}\n`);

function packed(files: ReadonlyMap<string, Buffer>): Buffer {
  const isDeflated = (name: string) => name !== "padding";
  return zipOf(
    [...files].map(([name, content]) => ({
      name,
      content,
      mode: 0o100000 | modeOf(name),
      isDeflated: isDeflated(name),
    })),
  );
}

let bundled: Promise<Buffer> | undefined;

/** The program in one file: it starts faster, and depends on nothing around it. */
function program(): Promise<Buffer> {
  bundled ??= bundle();
  return bundled;
}

async function bundle(): Promise<Buffer> {
  const entryPoints = [fileURLToPath(new URL("./fake-provider/main.ts", import.meta.url))];
  const options = { entryPoints, bundle: true, minify: true, platform: "node", format: "cjs", write: false } as const;
  const { outputFiles } = await build({ ...options, logLevel: "error" });
  return Buffer.from(outputFiles[0]?.contents ?? []);
}

/** Noise that is the same each time. */
function padding(bytes: number, seed: string): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

/**
 * The hash of golang.org/x/mod/sumdb/dirhash, which lock files use: over the lines that sha256sum prints, sorted by
 * name.
 */
function h1Of(files: ReadonlyMap<string, Buffer>): string {
  const sum = (content: Buffer) => createHash("sha256").update(content).digest("hex");
  const lines = [...files.keys()].toSorted().map((name) => `${sum(files.get(name) ?? Buffer.alloc(0))}  ${name}\n`);
  return `h1:${createHash("sha256").update(lines.join("")).digest("base64")}`;
}
