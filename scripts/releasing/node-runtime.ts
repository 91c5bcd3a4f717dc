import { copyFile, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Architecture } from "./product.ts";

/** Where Node for one architecture lies: its program, and its licence. */
export interface NodeRuntime {
  readonly program: string;
  readonly license: string;
}

/**
 * Node of the version that this checkout has, for an architecture. That of another machine comes from the npm registry, which
 * npm checks by its hash, and is kept.
 */
export async function nodeRuntime(root: string, arch: Architecture): Promise<NodeRuntime> {
  const own = join(root, "node_modules/node/node_modules", `node-linux-${arch}`);
  if (await isThere(join(own, "bin/node"))) return runtimeIn(own);
  const version = process.versions.node;
  const kept = join(root, "node_modules/.cache/release", `node-linux-${arch}-${version}`);
  if (!(await isThere(join(kept, "bin/node")))) await fetchRuntime({ arch, version, kept });
  return runtimeIn(kept);
}

const runtimeIn = (directory: string): NodeRuntime => ({
  program: join(directory, "bin/node"),
  license: join(directory, "LICENSE"),
});

async function fetchRuntime(wanted: { arch: Architecture; version: string; kept: string }): Promise<void> {
  const { arch, version, kept } = wanted;
  await mkdir(kept, { recursive: true });
  const fresh = await mkdtemp(join(kept, "fetched-"));
  try {
    await execa("npm", ["pack", "--silent", `node-linux-${arch}@${version}`, "--pack-destination", fresh]);
    const packed = join(fresh, `node-linux-${arch}-${version}.tgz`);
    await execa("tar", ["-xzf", packed, "-C", fresh, "package/bin/node", "package/LICENSE"]);
    await mkdir(join(kept, "bin"), { recursive: true });
    await copyFile(join(fresh, "package/LICENSE"), join(kept, "LICENSE"));
    await copyFile(join(fresh, "package/bin/node"), join(kept, "bin/node"));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
