import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { bundleProgram } from "../bundling/bundle.ts";
import { licencesOfOthers } from "./licences.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import type { Architecture, Product } from "./product.ts";

/** What a place is made of. */
export interface PlaceOptions {
  readonly root: string;
  readonly product: Product;
  readonly version: string;
  readonly arch: Architecture;
  readonly runtime: NodeRuntime;
  /** What an agent trusts later versions by. */
  readonly updateKeys: readonly string[];
}

/** Puts a product into a directory, as its archive will be unpacked. Whatever was there is removed. */
export async function makePlace(directory: string, options: PlaceOptions): Promise<void> {
  const { root, product, version, arch, runtime, updateKeys } = options;
  await rm(directory, { recursive: true, force: true });
  const write = async (name: string, contents: string | Uint8Array, mode = 0o644) => {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
    await chmod(path, mode);
  };
  await write(`bin/${product.program}`, await launcher(root, product, version), 0o755);
  await write("node/bin/node", "");
  await copyFile(runtime.program, join(directory, "node/bin/node"));
  await chmod(join(directory, "node/bin/node"), 0o755);
  for (const { name, contents } of await bundleProgram(root, product.program))
    await write(`dist/bundle/${name}`, contents);
  const { program: name } = product;
  const trusts = product.updatesItself ? { updateKeys } : {};
  const described = { name, version, license: "Apache-2.0", private: true, ...trusts };
  await write("package.json", `${JSON.stringify(described, null, 2)}\n`);
  await copyFile(join(root, "LICENSE"), join(directory, "LICENSE"));
  await write("THIRD-PARTY-LICENCES.txt", await licencesOfOthers(root, runtime.license));
  for (const [path, text] of await completionScripts(root, product)) await write(path, text);
  if (product.isServer) await addServerFiles(directory, { root, arch });
}

/** Becomes the program, wherever the directory was unpacked, also when it is called by a link. */
async function launcher(root: string, product: Product, version: string): Promise<string> {
  const { program, nodeOptions } = product;
  const words = ['"$root/node/bin/node"', ...nodeOptions, `"$root/dist/bundle/${program}.cjs"`].join(" ");
  if (!product.updatesItself) return plainLauncher(words);
  const text = await readFile(join(root, "packaging/launcher", program), "utf8");
  return text.replace("@VERSION@", version).replace("@PROGRAM@", words);
}

const plainLauncher = (words: string): string => `#!/bin/sh
self=$(readlink -f "$0")
root=\${self%/*}/..
exec ${words} "$@"
`;

async function addServerFiles(
  directory: string,
  { root, arch }: { readonly root: string; readonly arch: Architecture },
): Promise<void> {
  await cp(join(root, "migrations"), join(directory, "migrations"), { recursive: true });
  await cp(join(root, "dist/web"), join(directory, "dist/web"), {
    recursive: true,
    filter: (path) => !path.endsWith("/.built"),
  });
  const sqlite = "node_modules/better-sqlite3";
  for (const name of ["lib", "package.json", "LICENSE", `prebuilds/linux-${arch}.node`])
    await cp(join(root, sqlite, name), join(directory, sqlite, name), { recursive: true });
}

const shells = {
  bash: "share/bash-completion/completions/",
  zsh: "share/zsh/site-functions/_",
  fish: "share/fish/vendor_completions.d/",
} as const;

/** As the program itself prints them: paths and texts. */
async function completionScripts(root: string, { program }: Product): Promise<readonly (readonly [string, string])[]> {
  const found: (readonly [string, string])[] = [];
  for (const [shell, prefix] of Object.entries(shells)) {
    const args = program === "windlass" ? ["completion", shell] : ["completion"];
    const env = { SHELL: `/bin/${shell}`, HOME: "/nonexistent", PATH: "/usr/bin:/bin" };
    const { stdout, exitCode } = await execa(join(root, "bin", program), args, {
      env,
      extendEnv: false,
      reject: false,
    });
    if (exitCode === 0 && stdout !== "")
      found.push([`${prefix}${program}${shell === "fish" ? ".fish" : ""}`, `${stdout}\n`]);
  }
  return found;
}
