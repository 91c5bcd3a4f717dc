import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ProviderMirror } from "../../../terraform/configuration/provider-sources.ts";

/**
 * Where terraform and tofu look for providers before they ask registries, when nobody tells them. Source: the
 * documentation of provider_installation, "Implied Local Mirror Directories"; the home of a job is empty.
 */
const directories = ["/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"];

/** In an uploaded configuration; terraform sees it from its working directory. */
const uploaded = "terraform.d/plugins";

/** What the engine does by itself with the directories that are there, as methods that can be written down. */
export async function impliedMirrors(workingDirectory: string): Promise<readonly ProviderMirror[]> {
  const places = [
    { path: uploaded, at: join(workingDirectory, uploaded) },
    ...directories.map((path) => ({ path, at: path })),
  ];
  const mirrors: ProviderMirror[] = [];
  for (const { path, at } of places) {
    const include = await addressesIn(at);
    if (include.length > 0) mirrors.push({ kind: "filesystem", path, include, exclude: [] });
  }
  return mirrors;
}

/** `host/namespace/type` of the providers in a mirror, packed or unpacked. */
async function addressesIn(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const host of await namesIn(root))
    for (const namespace of await namesIn(join(root, host)))
      for (const type of await namesIn(join(root, host, namespace))) found.push(`${host}/${namespace}/${type}`);
  return found;
}

const namesIn = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name);
