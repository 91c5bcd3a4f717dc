import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type BareDirectory, type BareEngine, bareDirectory } from "../bare.ts";
import { providerPackage, writeMirror } from "../provider-package.ts";

const header = `terraform {
  required_providers {
    fake = { source = "windlass.test/test/fake" }
  }
}
provider "fake" {
  log       = "log"
  directory = "cloud"
}
`;

export const apply = ["apply", "-auto-approve"] as const;

/** A directory whose configuration makes use of the fake provider. */
export interface FakePlace extends BareDirectory {
  /** Replaces the configuration, beside the header that names the provider. */
  configure(configuration: string): Promise<void>;
  state(): Promise<string>;
  /** A state's resources, without what each write changes: the serial. */
  resources(): Promise<readonly { readonly name: string }[]>;
  /** What the provider has written down. */
  log(): Promise<string>;
}

/** For the tests of a file: opens directories, after init, whose provider comes from a mirror that they share. */
export function usePlaces() {
  let mirror: string;
  beforeAll(async () => {
    mirror = await mkdtemp(join(tmpdir(), "windlass-mirror-"));
    await writeMirror(mirror, [await providerPackage()]);
  });
  afterAll(() => rm(mirror, { recursive: true }));
  return async (
    engine: BareEngine,
    configuration: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<FakePlace> => {
    const cli = `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`;
    const place = withReaders(await bareDirectory(engine, cli, env));
    await place.configure(configuration);
    await place.ok("init");
    return place;
  };
}

function withReaders(directory: BareDirectory): FakePlace {
  const state = () => readFile(join(directory.path, "terraform.tfstate"), "utf8");
  return Object.assign(directory, {
    configure: (configuration: string) => directory.write("main.tf", header + configuration),
    state,
    resources: async () => JSON.parse(await state()).resources,
    log: () => readFile(join(directory.path, "log"), "utf8").catch(() => ""),
  });
}
