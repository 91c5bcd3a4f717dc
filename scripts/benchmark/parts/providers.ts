import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemRandom } from "../../../src/lib/random.ts";
import { freshName } from "../../../test/support/api.ts";
import { nodeDirectory, providerPackage } from "../../../test/support/provider-package.ts";
import { ProviderRegistry } from "../../../test/support/provider-registry.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import type { Bench, Goal, Part, Row } from "../part.ts";
import { type ProviderSet, realProviders } from "../real-providers.ts";
import { wholeRun } from "../runs.ts";
import { openShell } from "../shell.ts";
import { timed } from "../timing.ts";

/** Where the runs happen, and whence shells and runs alike take providers. */
interface Place {
  readonly scene: Scene;
  readonly server: TestServer;
  readonly registry: ProviderRegistry;
  /** A file with the registry's authority, in a directory of its own. */
  readonly ca: string;
  readonly sandbox: "auto" | "none";
}

/** A comparison: the first pass is cold and makes everything, the second finds what the first one left. */
interface Comparison {
  readonly set: ProviderSet;
  readonly rounds: number;
  /** Of the second pass. */
  readonly goal?: Goal;
  /** Whether the second pass changes something too. */
  readonly changesAgain: boolean;
}

async function placeOf({ scene, sqlite, sandbox }: Bench, registry: ProviderRegistry): Promise<Place> {
  const authority = join(scene.directory, "authority");
  await mkdir(authority);
  const ca = await registry.writeCa(authority);
  return { scene, server: await sqlite.server(scene), registry, ca, sandbox };
}

/** Providers, large things and many things take long: fewer rounds say enough. */
const fewRounds = 3;

export const five: Part = {
  name: "five",
  about: "five providers, fakes or (--provider-mirror) real ones, on a cold and on a warm agent, beside a shell",
  usualSeconds: 40,
  measure: async (bench) => {
    await using registry = await ProviderRegistry.open();
    const { host } = registry;
    const { providerMirror: mirror } = bench;
    const set = await (mirror === "" ? fakeProviders(host, 0) : realProviders(mirror, host));
    return await compare(await placeOf(bench, registry), { set, rounds: bench.rounds, changesAgain: true });
  },
};

export const size: Part = {
  name: "size",
  about: "200 MiB of providers, on a cold and on a warm agent, beside a shell",
  usualSeconds: 60,
  measure: async (bench) => {
    await using registry = await ProviderRegistry.open();
    const set = await fakeProviders(registry.host, 40 * 2 ** 20);
    const rounds = Math.min(bench.rounds, fewRounds);
    return await compare(await placeOf(bench, registry), { set, rounds, changesAgain: true });
  },
};

export const many: Part = {
  name: "many",
  about: "1,000 resources of one provider, beside a shell",
  usualSeconds: 60,
  measure: async (bench) => {
    await using registry = await ProviderRegistry.open();
    const set = await manyObjects(registry.host, 1_000);
    const rounds = Math.min(bench.rounds, fewRounds);
    const goal = { kind: "at most of limit", times: 1 } as const;
    return await compare(await placeOf(bench, registry), { set, rounds, changesAgain: false, goal });
  },
};

/** Fakes under five names, as large as they are told to be. */
async function fakeProviders(host: string, paddingBytes: number): Promise<ProviderSet> {
  const types = ["one", "two", "three", "four", "five"].map((name) => (paddingBytes === 0 ? name : `large${name}`));
  const packages = types.map((type) => providerPackage({ source: `${host}/acme/${type}`, paddingBytes }));
  const resources = types.map((type) => `resource "${type}_password" "it" {\n  keepers = { who = var.who }\n}`);
  return { name: "fakes", packages: await Promise.all(packages), resources };
}

/** One fake provider with many objects. */
async function manyObjects(host: string, count: number): Promise<ProviderSet> {
  const packages = [await providerPackage({ source: `${host}/acme/many` })];
  const resource = `resource "many_password" "it" {\n  count   = ${count}\n  keepers = { who = var.who }\n}`;
  return { name: "one fake", packages, resources: [resource] };
}

/** Measures shell and runs in turn, cold and warm. */
async function compare(place: Place, { set, rounds, changesAgain, goal }: Comparison): Promise<readonly Row[]> {
  place.registry.publish(...set.packages);
  const configuration = await written(place, set);
  const [shell, runs]: [Pair[], Pair[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const passes = [systemRandom.uuid(), systemRandom.uuid()] as const;
    const values = changesAgain ? passes : ([passes[0], passes[0]] as const);
    shell.push(await inShell(place, configuration, values));
    runs.push(await onAgent(place, configuration, values));
  }
  const megabytes = set.packages.reduce((sum, { zip }) => sum + zip.length, 0) / 2 ** 20;
  const [kind, unit] = ["measured", "ms"] as const;
  const again = changesAgain ? "again" : "again, no changes";
  const limit = (of: (pair: Pair) => number) => ({ what: "in a shell", samples: shell.map(of) });
  return [
    {
      ...{ kind, unit, what: `${set.name}, ${megabytes.toFixed(1)} MiB, cold: a run on a new agent` },
      ...{ samples: runs.map(first), limit: limit(first), goal },
    },
    { kind, unit, what: `  warm: ${again}`, samples: runs.map(second), limit: limit(second), goal },
  ];
}

type Pair = readonly [number, number];
type Values = readonly [string, string];

const first = ([cold]: Pair) => cold;
const second = ([, warm]: Pair) => warm;

async function inShell({ ca }: Place, configuration: string, [one, other]: Values): Promise<Pair> {
  await using shell = await openShell(configuration, { SSL_CERT_FILE: ca });
  return [await shell.pass({ who: one }), await shell.pass({ who: other }, one !== other)];
}

async function onAgent(place: Place, configuration: string, [one, other]: Values): Promise<Pair> {
  const { scene, server, ca, sandbox } = place;
  const { api } = server;
  const pool = await api.pool();
  const args = ["--sandbox-paths", nodeDirectory, "--pass-env", "SSL_CERT_FILE"];
  const agent = await scene.agent(server, { pool, sandbox, args, env: { SSL_CERT_FILE: ca } });
  const workspace = await api.workspace({ agentPool: pool });
  await api.upload(workspace, configuration);
  const pass = (who: string) =>
    timed(async () => {
      await wholeRun(api, await api.start(workspace, { autoApply: true, variables: [{ key: "who", value: who }] }));
    });
  const pair = [await pass(one), await pass(other)] as const;
  await agent.stop("SIGTERM");
  return pair;
}

/** A configuration as people keep it: with its lock file. */
async function written({ scene, ca }: Place, { packages, resources }: ProviderSet): Promise<string> {
  const directory = join(scene.directory, freshName("configuration"));
  await mkdir(directory);
  const required = packages.map(({ type, source }) => `    ${type} = { source = "${source}" }`);
  const header = ["terraform {", "  required_providers {", ...required, "  }", "}", 'variable "who" {}'];
  await writeFile(join(directory, "main.tf"), `${[...header, ...resources].join("\n")}\n`);
  await using shell = await openShell(directory, { SSL_CERT_FILE: ca });
  await shell.lockInto(directory);
  return directory;
}
