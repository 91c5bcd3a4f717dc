import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ProviderPackage } from "../../test/support/provider-package.ts";
import { herePlatform } from "../../test/support/release-mirror.ts";

/** What each known provider makes, from a variable that differs at each pass. */
const resources: Readonly<Record<string, string>> = {
  random: 'resource "random_pet" "it" {\n  keepers = { who = var.who }\n}',
  tls: 'resource "tls_private_key" "it" {\n  algorithm = "ED25519"\n}',
  null: 'resource "null_resource" "it" {\n  triggers = { who = var.who }\n}',
  time: 'resource "time_static" "it" {\n  triggers = { who = var.who }\n}',
  local: 'resource "local_file" "it" {\n  filename = "out"\n  content  = var.who\n}',
};

/** Providers with what makes use of them. */
export interface ProviderSet {
  readonly name: string;
  readonly packages: readonly ProviderPackage[];
  readonly resources: readonly string[];
}

/** The five real providers, from a filesystem mirror of packed ones, offered under another host. */
export async function realProviders(mirror: string, host: string): Promise<ProviderSet> {
  const types = Object.keys(resources);
  const packages = await Promise.all(types.map((type) => packed(mirror, type, host)));
  return { name: `real ones (${types.join(", ")})`, packages, resources: Object.values(resources) };
}

async function packed(mirror: string, type: string, host: string): Promise<ProviderPackage> {
  const pattern = `*/*/${type}/terraform-provider-${type}_*_${herePlatform}.zip`;
  const [found] = globSync(pattern, { cwd: mirror }).toSorted();
  if (found === undefined) throw new Error(`${mirror} has no packed ${type} for ${herePlatform}: expected ${pattern}`);
  const [, version = ""] = basename(found).slice(`terraform-provider-${type}`.length).split("_");
  const zip = await readFile(join(mirror, found));
  return { source: `${host}/hashicorp/${type}`, type, version, files: new Map(), zip, h1: "" };
}
