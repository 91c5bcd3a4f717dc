import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freshName } from "./api.ts";
import { fakeSource, nodeDirectory, providerPackage, writeMirror } from "./provider-package.ts";
import type { Scene, TestServer } from "./scene.ts";

const header = `terraform {
  required_providers {
    fake = { source = "${fakeSource}" }
  }
}
`;

/** Writes a mirror with the fake provider, and answers what an agent is told so that its jobs take it from there. */
export async function fakeProviderArgs({ directory }: Scene): Promise<readonly string[]> {
  const mirror = join(directory, freshName("mirror"));
  await writeMirror(mirror, [await providerPackage()]);
  const cliConfig = `${mirror}.tfrc`;
  await writeFile(cliConfig, `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`);
  return ["--cli-config", cliConfig, "--sandbox-paths", nodeDirectory];
}

/** Uploads a configuration that may use the fake provider. */
export async function uploadFake(
  { directory }: Scene,
  { api }: TestServer,
  { workspace, main, files = {} }: { workspace: string; main: string; files?: Readonly<Record<string, string>> },
): Promise<void> {
  const from = join(directory, freshName("configuration"));
  await mkdir(from);
  for (const [name, content] of Object.entries({ "main.tf": header + main, ...files })) {
    await mkdir(join(from, name, ".."), { recursive: true });
    await writeFile(join(from, name), content);
  }
  await api.upload(workspace, from);
}
