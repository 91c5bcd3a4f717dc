/** Fifty agents with their real updaters, told what to do by the real decision over real rows. The launcher is played. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { publicKeys, signManifest } from "../../scripts/releasing/manifest.ts";
import { journalFormat } from "../../src/agent/update/check.ts";
import { readUpdateRecord } from "../../src/agent/update/record.ts";
import { slotsIn } from "../../src/agent/update/slots.ts";
import type { UpdateSource } from "../../src/agent/update/sources.ts";
import { Updater } from "../../src/agent/update/updater.ts";
import { createPool } from "../../src/control/agents/pools.ts";
import { recordUpdate, updateHeard } from "../../src/control/updates/heard-update.ts";
import { Rollouts } from "../../src/control/updates/rollouts.ts";
import type { Agent } from "../../src/domain/agents/agent.ts";
import { type AgentUpdatePolicy, defaultUpdatePolicy } from "../../src/domain/agents/agent-update.ts";
import { AgentUpdateWishSchema } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { packDirectory } from "../../src/lib/archive/pack.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import type { PoolId } from "../../src/lib/words/ids.ts";
import { PlacedReleases } from "../../src/server/releases/agent-releases.ts";
import { openTestControl, type TestControl } from "../support/control.ts";
import { agentRow } from "../support/rows.ts";
import { Seeded } from "../support/seeded.ts";

vi.setConfig({ testTimeout: 240_000 });

const size = 50;
const installed = "1.0.0";
const target = "1.0.1";
const trialMs = 9_000;
const keys = Array.from({ length: 3 }, () =>
  String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" })),
);

let dir: string;
let fixture: TestControl;
let releases: PlacedReleases;
let rollouts: Rollouts;
let pool: PoolId;
let members: Member[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-fleet-"));
  fixture = await openTestControl();
  const { control, clock } = fixture;
  await publish();
  releases = new PlacedReleases({ place: join(dir, "releases"), keepIn: dir, clock, log: silentLog() });
  rollouts = new Rollouts(() => control, releases);
  pool = (
    await createPool(control, fixture.as("owner"), {
      ...{ organization: fixture.organization.name, name: "prod", description: "", isOrganizationScoped: true },
      ...{ grants: [], requestId: "" },
    })
  ).pool.id;
});
afterEach(async () => {
  await Promise.all(members.map((member) => member.stop()));
  await fixture[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** A manifest with one version beside the installed one, signed as a release is. */
async function publish(): Promise<void> {
  const top = join(dir, "from", `windlass-agent-${target}`);
  await mkdir(top, { recursive: true });
  await writeFile(join(top, "program"), target);
  await mkdir(join(dir, "releases"));
  await using packed = await packDirectory(join(dir, "from"), { maxBytes: 1e6 });
  const bytes = await readFile(packed.file);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await cp(packed.file, join(dir, "releases/agent.tar.gz"));
  const artifacts = [{ os: process.platform, arch: process.arch, file: "agent.tar.gz", size: bytes.length, sha256 }];
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schema: 1, product: "windlass-agent", sequence: 1, issued: "2026-01-01T00:00:00.000Z", channel: "stable" },
      ...{ expires: "2099-01-01T00:00:00.000Z", next_keys: [] },
      releases: [{ version: target, min_server: "0.0.1", journal_format: journalFormat, artifacts }],
    }),
  );
  await writeFile(join(dir, "releases/manifest.json"), manifest);
  await writeFile(join(dir, "releases/manifest.json.sig"), JSON.stringify(signManifest(manifest, keys.slice(0, 2))));
}

/** What agents have of the server, without a connection between. */
const source: UpdateSource = {
  manifest: async () => {
    const served = await releases.current();
    if (served === undefined) throw new Error("there is none");
    return served;
  },
  fetch: async ({ file }, into) => {
    const parts: Uint8Array[] = [];
    for await (const part of await releases.read(file, 0)) parts.push(part);
    await writeFile(into, Buffer.concat(parts));
  },
};

/** An agent with its updater, and what its launcher would do with the versions that it puts in place. */
class Member {
  readonly dataDir: string;
  readonly agent: Agent;
  readonly #isGood: boolean;
  version = installed;
  /** How often a version was started that is no good. */
  hurt = 0;
  #updater: Updater;
  #running: Promise<void>;
  #stopping = new AbortController();

  constructor(agent: Agent, dataDir: string, isGood: boolean) {
    this.agent = agent;
    this.dataDir = dataDir;
    this.#isGood = isGood;
    this.#updater = this.#start(false);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** One heartbeat and its answer. */
  async beat(): Promise<void> {
    const { control, clock } = fixture;
    const row = await control.store.read((q) => q.agents.get(this.agent.id));
    if (row === undefined) throw new Error("the agent is gone");
    const heard = updateHeard(row.updateStatus, this.#updater.report(), clock.now());
    if (heard !== undefined || row.version !== this.version) {
      const told: Agent = { ...row, version: this.version, updateStatus: heard ?? row.updateStatus };
      await control.store.write(async (tx) => {
        await tx.agents.save(told);
        if (heard !== undefined) await recordUpdate(tx, told, clock.now());
      });
      rollouts.changed(pool);
    }
    const wish = await rollouts.wishFor({ id: this.agent.id, poolId: pool });
    const said = wish && { targetVersion: wish.target, manifestSha256: wish.manifestSha256 };
    this.#updater.answered(said && create(AgentUpdateWishSchema, said));
  }

  #start(isTrial: boolean): Updater {
    const updater = new Updater({
      config: {
        ...{ strategy: "patch", maxWaitMs: 1_000, trialMs, keys: publicKeys(keys) },
        launch: { pid: 1, installed, isTrial, versions: slotsIn(this.dataDir) },
      },
      ...{ dataDir: this.dataDir, version: this.version, obstacle: undefined, minFreeBytes: 0, source },
      serverVersion: () => "1.0.0",
      moments: { isIdle: () => true, isLeaving: () => false, onChange: () => ({ [Symbol.dispose]: () => {} }) },
      ...{ clock: fixture.clock, log: silentLog() },
    });
    updater.welcomed();
    return updater;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const end = await this.#updater.run(this.#stopping.signal);
      if (end.kind !== "switching") return;
      const isTrial = this.#isGood || end.version === installed;
      if (isTrial) this.version = end.version;
      else await this.#goBack(end.version);
      this.#updater = this.#start(isTrial);
    }
  }

  /** As packaging/launcher does after three ends of a version on trial. */
  async #goBack(version: string): Promise<void> {
    this.hurt += 1;
    const at = slotsIn(this.dataDir);
    await writeFile(join(at, "reverted"), `${version} crash\n`);
    const before = await readlink(join(at, "previous")).catch(() => undefined);
    await rm(join(at, "current"));
    if (before !== undefined) await symlink(before, join(at, "current"));
    await rm(join(at, "trial"), { force: true });
  }
}

/**
 * Fifty of them in a pool that has heard each of them, and then gets this policy; of the new version `isGood` says on whose
 * machine it works.
 */
async function gather(policy: Partial<AgentUpdatePolicy>, isGood: (index: number) => boolean): Promise<void> {
  const { control } = fixture;
  const row = await control.store.read((q) => q.pools.get(pool));
  members = [];
  for (let index = 0; index < size; index += 1) {
    const system = { os: process.platform, arch: process.arch };
    const agent = agentRow(row ?? null, { name: `vm-${index}`, version: installed, ...system });
    await control.store.write((tx) => tx.agents.insert(agent));
    const dataDir = join(dir, agent.name);
    await mkdir(dataDir);
    members.push(new Member(agent, dataDir, isGood(index)));
  }
  for (const member of members) await member.beat();
  await control.store.write(async (tx) => {
    const found = await tx.pools.get(pool);
    if (found !== undefined)
      await tx.pools.save({ ...found, updatePolicy: { ...defaultUpdatePolicy, mode: "patch", ...policy } });
  });
  rollouts.changed(pool);
}

/** Lets a second pass after the other, in each of which every agent is heard, in an order that is drawn. */
async function until(isSo: () => Promise<boolean>, random: Seeded): Promise<void> {
  for (let second = 0; second < 600; second += 1) {
    const order = members.map((member) => ({ member, rank: random.between(0, 1e6) }));
    for (const { member } of order.toSorted((a, b) => a.rank - b.rank)) await member.beat();
    if (await isSo()) return;
    await fixture.clock.advance(1_000);
    // Files are read and written between two seconds.
    await pause(5);
  }
  throw new Error(`it did not come to that: ${members.map(({ version }) => version).join(" ")}`);
}

const haltOf = async () => (await fixture.control.store.read((q) => q.pools.get(pool)))?.updatePolicy?.halt ?? "";

test.each([1, 3])(
  "a bad version reaches no more than %i canaries and one, and everybody goes on with what they had",
  async (canary) => {
    const random = new Seeded(canary);
    await gather({ canary }, () => false);
    await until(async () => (await haltOf()) !== "", random);
    let rounds = 0;
    await until(async () => ++rounds > 30, random);
    const hurt = members.filter((member) => member.hurt > 0);
    expect(hurt.length).toBeGreaterThan(0);
    expect(hurt.length).toBeLessThanOrEqual(canary + 1);
    expect(members.every(({ version }) => version === installed)).toBe(true);
    for (const { dataDir, hurt: times } of hurt) {
      expect(times).toBe(1);
      expect((await readUpdateRecord(dataDir)).bad).toMatchObject([{ version: target, why: "crash" }]);
    }
    expect(await haltOf()).toMatch(/did not get along with version 1\.0\.1: .*it ended by itself in its trial/);
  },
);

test("a version that is bad everywhere but on the canary reaches no more than were on their way at once", async () => {
  const random = new Seeded(5);
  await gather({ canary: 1, maxInFlightPercent: 6 }, () => true);
  await until(async () => members.filter(({ version }) => version === target).length === 1, random);
  const canary = members.find(({ version }) => version === target);
  await Promise.all(members.map((member) => member.stop()));
  members = members.map(({ agent, dataDir, version }) => {
    const member = new Member(agent, dataDir, agent.id === canary?.agent.id);
    member.version = version;
    return member;
  });
  await until(async () => (await haltOf()) !== "", random);
  expect(members.filter((member) => member.hurt > 0).length).toBeLessThanOrEqual(3);
});

test("a good one reaches all fifty, the canary first and never more than a fifth at once", async () => {
  const random = new Seeded(9);
  await gather({}, () => true);
  const counts: number[] = [];
  await until(async () => {
    const done = members.filter(({ version }) => version === target).length;
    counts.push(done);
    return done === size;
  }, random);
  expect(counts.find((count) => count > 0)).toBe(1);
  expect(Math.max(...counts.map((count, index) => count - (counts[index - 1] ?? 0)))).toBeLessThanOrEqual(10);
  expect(await haltOf()).toBe("");
});
