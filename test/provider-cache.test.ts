import { appendFile, chmod, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AgentConfig } from "../src/agent/contract/config.ts";
import { eventually } from "./support/agent/agent-place.ts";
import type { FakeJob } from "./support/agent/fake-job.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { bareEngines } from "./support/bare.ts";
import { placeOf, providerPackage } from "./support/provider-package.ts";
import { ProviderStage } from "./support/provider-stage.ts";

// Each run starts two engines and a provider, and other tests may run beside.
vi.setConfig({ testTimeout: 120_000 });

const worlds = bareEngines.flatMap((engine) => sandboxesHere.map((sandbox) => ({ engine, sandbox })));
const errors = (jobs: readonly FakeJob[]) => jobs.map(({ result }) => result?.errorMessage);
const applied = ["", ""];
const fromCache = "Windlass: fake 1.0.0 from the cache";

describe.each(worlds)("the provider cache with $engine in the sandbox $sandbox", ({ engine, sandbox }) => {
  let stage: ProviderStage;
  let config: Partial<AgentConfig>;
  beforeEach(async () => {
    stage = await ProviderStage.open(engine);
    await stage.publish();
    config = { sandbox, providerCacheBytes: 100e6, ...(await stage.trusted()) };
  });
  afterEach(() => stage[Symbol.asyncDispose]());

  const zips = () => stage.registry.count("zip");
  const run = (files = stage.configuration()) => stage.run(files);
  /** The lock file that terraform itself writes for this configuration. */
  const locked = async () => ({ ...stage.configuration(), ".terraform.lock.hcl": await stage.lock() });
  const packages = async () =>
    (await readdir(stage.place.path("a", "providers"), { recursive: true })).filter((path) => path.endsWith("package"));
  const filled = () => eventually(async () => (await packages()).length > 0, "the cache is filled");

  test("a second run downloads nothing, without a lock file and with one", async () => {
    await stage.start(config);
    expect(errors(await run())).toEqual(applied);
    const cold = zips();
    expect(cold).toBe(1);
    const again = await run();
    expect(errors(again)).toEqual(applied);
    expect(again.map(({ logText }) => logText.includes(fromCache))).toEqual([true, true]);
    const files = await locked();
    const before = zips();
    expect(errors(await run(files))).toEqual(applied);
    expect(zips()).toBe(before);
    expect(before - cold).toBe(1);
  });

  test("with a lock file the first run downloads once, and later ones ask nobody for anything", async () => {
    await stage.start(config);
    const files = await locked();
    const before = zips();
    expect(errors(await run(files))).toEqual(applied);
    expect(zips() - before).toBe(1);
    const asked = stage.registry.requests.length;
    expect(errors(await run(files))).toEqual(applied);
    expect(stage.registry.requests.length).toBe(asked);
  });

  test("a lock file of another platform, which has hashes of zips only, is served too", async () => {
    await stage.start(config);
    const text = (await stage.lock()).replaceAll(/.*"h1:.*\n/g, "");
    const files = { ...stage.configuration(), ".terraform.lock.hcl": text };
    expect(errors(await run(files))).toEqual(applied);
    const before = zips();
    expect(errors(await run(files))).toEqual(applied);
    expect(zips()).toBe(before);
  });

  test("a lock file with other hashes gets what its source has, and terraform's words", async () => {
    await stage.start(config);
    await run();
    await filled();
    const text = (await stage.lock()).replaceAll(/"(h1|zh):[^"]*"/g, `"h1:${"A".repeat(43)}="`);
    const [plan] = await run({ ...stage.configuration(), ".terraform.lock.hcl": text });
    expect(plan?.result?.errorMessage).toContain("init failed");
    expect(plan?.logText).toMatch(/checksums/);
  });

  test("a newer version is taken when its source has it", async () => {
    await stage.start(config);
    await run();
    await filled();
    await stage.publish("1.1.0");
    const [plan] = await run();
    expect(plan?.logText).toContain("v1.1.0");
  });

  test("four runs at once share one download", async () => {
    await stage.start({ ...config, concurrency: 4 });
    const files = await locked();
    const before = zips();
    const runs = await Promise.all(Array.from({ length: 4 }, () => run(files)));
    expect(runs.map(errors)).toEqual(Array.from({ length: 4 }, () => applied));
    expect(zips() - before).toBe(1);
  });

  test("what was changed on the disk is not used, and is fetched again", async () => {
    await stage.start(config);
    const files = await locked();
    await run(files);
    const [path = ""] = await packages();
    const file = stage.place.path("a", "providers", path, "provider.cjs");
    await chmod(file, 0o600);
    await appendFile(file, "evil()");
    const before = zips();
    expect(errors(await run(files))).toEqual(applied);
    expect(zips() - before).toBe(1);
    expect(await readFile(file, "utf8")).not.toContain("evil");
    expect(stage.place.records.map(({ msg }) => msg)).toContain(
      "a cached provider is not what was fetched: it is removed",
    );
  });

  test("what an upload brings along under a provider's name reaches no other job", async () => {
    await stage.start(config);
    const evil = await providerPackage({ source: stage.source, note: "evil" });
    const upload = { [join("terraform.d/plugins", placeOf(evil).packed)]: evil.zip };
    expect(errors(await stage.run({ ...stage.configuration(), ...upload }))).toEqual(applied);
    expect(errors(await run())).toEqual(applied);
    await filled();
    for (const path of await packages()) {
      const launcher = stage.place.path("a", "providers", path, "terraform-provider-fake_v1.0.0");
      expect(await readFile(launcher, "utf8")).not.toContain("evil");
    }
  });

  test("a source that stops having anything is its jobs' own affair: the cache gives what the lock file takes", async () => {
    await stage.start(config);
    const files = await locked();
    await run(files);
    stage.registry.misbehave("versions", { kind: "status", code: 500 });
    stage.registry.misbehave("zip", { kind: "status", code: 500 });
    expect(errors(await run(files))).toEqual(applied);
  });

  test("what was not used for longest leaves, and jobs keep no copies", async () => {
    const { files } = await providerPackage({ source: stage.source });
    const bytes = [...files.values()].reduce((sum, content) => sum + content.length, 0);
    await stage.start({ ...config, providerCacheBytes: Math.floor(bytes * 1.5) });
    await run(await locked());
    await stage.publish("2.0.0");
    await run({ ...stage.configuration(stage.source, "2.0.0"), ".terraform.lock.hcl": await stage.lock("2.0.0") });
    expect(await packages()).toHaveLength(1);
    await eventually(async () => (await stage.place.jobDirectories()).length === 0, "no job is left");
  });
});

test.each(bareEngines)("%s downloads slowly: the log says how much there is of how much", async (engine) => {
  await using stage = await ProviderStage.open(engine);
  stage.registry.publish(await providerPackage({ source: stage.source, paddingBytes: 3e6 }));
  stage.registry.misbehave("zip", { kind: "slow", bytesPerSecond: 250_000 });
  await stage.start({ sandbox: "none", providerCacheBytes: 100e6, ...(await stage.trusted()) });
  const [plan, apply] = await stage.run(stage.configuration());
  expect(errors([plan, apply].filter((job) => job !== undefined))).toEqual(applied);
  expect(plan?.logText).toMatch(/Windlass: fetching fake: \d\.\d of 3\.\d MB\n/);
  expect(stage.registry.count("zip")).toBe(1);
});
