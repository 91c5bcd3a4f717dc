import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type BareDirectory, type BareEngine, bareDirectory, bareEngines } from "./bare.ts";
import type { Misbehaviour } from "./misbehaviour.ts";
import { fakeSource, type ProviderPackage, providerPackage, writeMirror } from "./provider-package.ts";
import type { AnswerKind, Lie } from "./provider-protocols.ts";
import { ProviderRegistry } from "./provider-registry.ts";
import { until } from "./until.ts";

const configurationFor = (source: string, version = ">= 1.0.0") => `
terraform {
  required_providers {
    fake = {
      source  = "${source}"
      version = "${version}"
    }
  }
}
resource "fake_password" "p" {}
`;

interface Found {
  readonly directory: BareDirectory;
  readonly registry: ProviderRegistry;
}

/** A directory whose providers come from the registry under its own name, with or without its token. */
async function fromRegistry(engine: BareEngine, held: AsyncDisposableStack, token?: string): Promise<Found> {
  const registry = held.use(await ProviderRegistry.open(token === undefined ? {} : { token }));
  const folder = await temporary(held);
  const env = { SSL_CERT_FILE: await registry.writeCa(folder) };
  const credentials = token === undefined ? "" : `credentials "${registry.host}" {\n  token = "${token}"\n}\n`;
  const directory = held.use(await bareDirectory(engine, credentials, env));
  await directory.write("main.tf", configurationFor(`${registry.host}/acme/fake`));
  registry.publish(await packageOf(registry));
  return { directory, registry };
}

const packageOf = ({ host }: ProviderRegistry, options = {}): Promise<ProviderPackage> =>
  providerPackage({ source: `${host}/acme/fake`, ...options });

async function fromNetworkMirror(engine: BareEngine, held: AsyncDisposableStack): Promise<Found> {
  const registry = held.use(await ProviderRegistry.open());
  const env = { SSL_CERT_FILE: await registry.writeCa(await temporary(held)) };
  const installation = `provider_installation {\n  network_mirror {\n    url = "${registry.mirrorUrl}"\n  }\n}\n`;
  const directory = held.use(await bareDirectory(engine, installation, env));
  await directory.write("main.tf", configurationFor(fakeSource));
  registry.publish(await providerPackage());
  return { directory, registry };
}

async function temporary(held: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "windlass-registry-"));
  held.defer(() => rm(folder, { recursive: true }));
  return folder;
}

const lockOf = ({ path }: BareDirectory) => readFile(join(path, ".terraform.lock.hcl"), "utf8");

describe.each(bareEngines)("with %s", (engine) => {
  test.each(["packed", "unpacked"] as const)("a filesystem mirror is used, %s", async (layout) => {
    await using held = new AsyncDisposableStack();
    const mirror = await temporary(held);
    const offered = await providerPackage();
    await writeMirror(mirror, [offered], layout);
    const installation = `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`;
    const directory = held.use(await bareDirectory(engine, installation));
    await directory.write("main.tf", configurationFor(fakeSource));
    await directory.ok("init");
    expect(await lockOf(directory)).toContain(offered.h1);
    expect(await directory.ok("plan")).toContain("Plan: 1 to add");
  });

  test("a network mirror is used, and counts what is asked of it", async () => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromNetworkMirror(engine, held);
    await directory.ok("init");
    expect(await directory.ok("plan")).toContain("Plan: 1 to add");
    expect([registry.count("index"), registry.count("zip")]).toEqual([1, 1]);
  });

  test("a registry with a port, a token and a signature is used", async () => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry(engine, held, "open-sesame");
    expect(await directory.ok("init")).toMatch(/signed|self-signed/);
    expect(await directory.ok("plan")).toContain("Plan: 1 to add");
    const told = registry.requests.filter(({ kind }) => kind === "versions" || kind === "download");
    expect(told.map(({ authorization }) => authorization)).toEqual(told.map(() => "Bearer open-sesame"));
    expect(registry.requests.find(({ kind }) => kind === "zip")?.authorization).toBeUndefined();
  });

  test("a registry is used under a name that the CLI configuration leads to it, with the token of that name", async () => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry(engine, held, "open-sesame");
    const services = `{ "providers.v1" = "https://${registry.host}/v1/providers/" }`;
    const name = "registry.acme.test";
    const host = `host "${name}" {\n  services = ${services}\n}\n`;
    await directory.write("cli.tfrc", `${host}credentials "${name}" {\n  token = "open-sesame"\n}\n`);
    await directory.write("main.tf", configurationFor(`${name}/acme/fake`));
    registry.publish(await providerPackage({ source: `${name}/acme/fake` }));
    registry.withdraw({ source: `${registry.host}/acme/fake`, version: "1.0.0" });
    await directory.ok("init");
    expect(registry.count("discovery")).toBe(0);
  });

  test("a registry refuses who has no token", async () => {
    await using held = new AsyncDisposableStack();
    const { directory } = await fromRegistry(engine, held, "open-sesame");
    await directory.write("cli.tfrc", "");
    const { code, output } = await directory.run("init");
    expect(code).toBe(1);
    expect(output).toMatch(/authentication|credentials|unauthori[sz]ed/i);
  });

  test.each<[AnswerKind, Misbehaviour, RegExp]>([
    ["discovery", { kind: "status", code: 500 }, /does not offer a.*provider registry|500/s],
    ["versions", { kind: "status", code: 404 }, /does not have a\s+provider/],
    ["versions", { kind: "status", code: 500 }, /500/],
    ["zip", { kind: "status", code: 404 }, /404/],
    ["zip", { kind: "corrupt" }, /incorrect checksum|checksum/],
    ["zip", { kind: "cut-off" }, /unexpected EOF|EOF/],
  ])("%s answered with %o ends init with the cause", async (kind, misbehaviour, words) => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry(engine, held);
    registry.misbehave(kind, misbehaviour);
    const { code, output } = await directory.run("init");
    expect(code).toBe(1);
    expect(output).toMatch(words);
    registry.behave();
    await directory.ok("init");
  });

  test.each<[Lie, RegExp]>([
    ["hashes", /incorrect\s+checksum|checksum/],
    ["signature", /signature/],
  ])("lies about %s are found out", async (lie, words) => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry(engine, held);
    registry.lie(lie);
    const { code, output } = await directory.run("init");
    expect(code).toBe(1);
    expect(output).toMatch(words);
  });

  test("a network mirror that lies about hashes is found out", async () => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromNetworkMirror(engine, held);
    registry.lie("hashes");
    const { code, output } = await directory.run("init");
    expect(code).toBe(1);
    expect(output).toMatch(/checksum|hash/);
  });

  test("what a lock file names must still be there, and be the same", async () => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry(engine, held);
    await directory.ok("init");
    registry.publish(await packageOf(registry, { version: "1.1.0" }));
    await rm(join(directory.path, ".terraform"), { recursive: true });
    expect(await directory.ok("init")).toContain("v1.0.0");
    registry.publish(await packageOf(registry, { note: "another content" }));
    await rm(join(directory.path, ".terraform"), { recursive: true });
    expect((await directory.run("init")).output).toMatch(/doesn't match any\s+of the checksums/);
    registry.withdraw({ source: `${registry.host}/acme/fake`, version: "1.0.0" });
    expect((await directory.run("init")).output).toMatch(/no longer\s+available/);
  });
});

describe("a registry that takes its time", () => {
  test("sends as many bytes a second as it was told to", async () => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry("terraform", held);
    registry.publish(await packageOf(registry, { paddingBytes: 200_000 }));
    registry.misbehave("zip", { kind: "slow", bytesPerSecond: 200_000 });
    const startedAt = performance.now();
    await directory.ok("init");
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
  });

  test.each<[AnswerKind, Misbehaviour]>([
    ["zip", { kind: "stalled" }],
    ["discovery", { kind: "hang" }],
  ])("%s with %o keeps init waiting", async (kind, misbehaviour) => {
    await using held = new AsyncDisposableStack();
    const { directory, registry } = await fromRegistry("terraform", held);
    registry.misbehave(kind, misbehaviour);
    const init = directory.start("init");
    await until("it was asked", () => registry.count(kind) > 0);
    init.kill();
    expect((await init.ended).code).toBe(-1);
  });
});

test("packages under several names are installed together", async () => {
  await using held = new AsyncDisposableStack();
  const mirror = await temporary(held);
  const sources = ["one", "two", "three"].map((type) => `windlass.test/test/${type}`);
  await writeMirror(mirror, await Promise.all(sources.map((source) => providerPackage({ source }))), "packed");
  const installation = `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`;
  const directory = held.use(await bareDirectory("terraform", installation));
  const types = ["one", "two", "three"];
  const required = types.map((type) => `${type} = { source = "windlass.test/test/${type}" }`).join("\n");
  const resources = types.map((type) => `resource "${type}_password" "p" {}`).join("\n");
  await directory.write("main.tf", `terraform {\n  required_providers {\n${required}\n  }\n}\n${resources}\n`);
  await directory.ok("init");
  expect(await directory.ok("plan")).toContain("Plan: 3 to add");
});
