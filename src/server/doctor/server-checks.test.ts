import { createHash, generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signManifest } from "../../../scripts/releasing/manifest.ts";
import { selfSigned } from "../../../test/support/certificate.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { agentRow } from "../../../test/support/rows.ts";
import { commandCall, freePort, occupyPort, temporaryDirectory } from "../../../test/support/server.ts";
import { at, pool } from "../../../test/support/store/rows.ts";
import type { Agent } from "../../domain/agents/agent.ts";
import { version } from "../../lib/program/version.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { openStore } from "../../store/open.ts";
import type { Store } from "../../store/ports/store.ts";
import type { CommandCall } from "../command.ts";
import { masterKeyFile, writeMasterKeys } from "../secrets.ts";
import { openVault } from "../vault-keys.ts";
import type { DoctorContext } from "./context.ts";
import {
  checkAgentReleases,
  checkAgents,
  checkClock,
  checkListen,
  checkMasterKey,
  checkRetention,
  checkTls,
} from "./server-checks.ts";

let held: AsyncDisposableStack;
let dir: string;
const clock = new ManualClock();
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
});
afterEach(() => held.disposeAsync());

type Flags = Readonly<Record<string, string>>;
type Around = Partial<Omit<DoctorContext, "call">> & Partial<Pick<CommandCall, "environment">>;

const contextOf = (flags: Flags = {}, { environment = {}, ...around }: Around = {}): DoctorContext => ({
  call: commandCall({ "data-dir": dir, ...flags }, { environment, clock }).call,
  ...{ dataDir: dir, isRunning: false, store: undefined, ...around },
});
const rows = async () => held.use(await openStore({ url: `sqlite:${join(dir, "windlass.db")}` }));
const check = (status: string, detail: string, fix = "") =>
  expect.objectContaining({ status, detail: expect.stringContaining(detail), fix: expect.stringContaining(fix) });

describe("the master key", () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
  const sealedWith = async (store: Store, key: Uint8Array) => {
    await writeMasterKeys(dir, [key]);
    const { call } = contextOf();
    await openVault({ settings: call.settings, dataDir: dir, store, random: systemRandom, log: call.log });
  };

  test("is made by the first start, and is missing after that", async () => {
    expect(await checkMasterKey(contextOf())).toEqual(check("warn", "no master key yet", "the first start makes it"));
    const store = await rows();
    expect(await checkMasterKey(contextOf({}, { store }))).toEqual(
      check("fail", `${dir}/master.key is missing`, "copy master.key from"),
    );
  });

  test("is well if it opens what was sealed, whatever it is tried on", async () => {
    const store = await rows();
    await writeMasterKeys(dir, [a]);
    expect(await checkMasterKey(contextOf())).toEqual(check("ok", "there is no database to try it on"));
    expect(await checkMasterKey(contextOf({}, { store }))).toEqual(check("ok", "nothing was sealed yet"));
    await sealedWith(store, a);
    expect(await checkMasterKey(contextOf({}, { store }))).toEqual(check("ok", "opens what was sealed"));
  });

  test("is not well if it is another one, if others may read it, or if a rotation was not finished", async () => {
    const store = await rows();
    await sealedWith(store, a);
    await writeMasterKeys(dir, [b]);
    expect(await checkMasterKey(contextOf({}, { store }))).toEqual(
      check("fail", "is not the one of this database", "copy master.key from"),
    );
    await writeMasterKeys(dir, [b, a]);
    expect(await checkMasterKey(contextOf({}, { store }))).toEqual(check("warn", "rotation", "windlassd rotate-key"));
    await chmod(masterKeyFile(dir), 0o640);
    expect(await checkMasterKey(contextOf({}, { store }))).toEqual(check("fail", "others may read", "chmod 600"));
  });

  test("as text is looked at in the place of the file, and never told", async () => {
    await writeMasterKeys(dir, [b]);
    await chmod(masterKeyFile(dir), 0o644);
    const environment = { WINDLASS_MASTER_KEY: Buffer.from(a).toString("hex") };
    const found = await checkMasterKey(contextOf({}, { environment }));
    expect(found).toEqual(check("ok", "from WINDLASS_MASTER_KEY"));
    expect(JSON.stringify(found)).not.toContain("0101");
  });
});

describe("the port", () => {
  test("is free, is the server's own, or is somebody else's", async () => {
    const free = `127.0.0.1:${await freePort()}`;
    expect(await checkListen(contextOf({ listen: free }))).toEqual(check("ok", `${free} is free`));
    const runs = { isRunning: true };
    expect(await checkListen(contextOf({ listen: free }, runs))).toEqual(check("ok", "although a server runs"));
    const taken = `127.0.0.1:${await occupyPort(held)}`;
    expect(await checkListen(contextOf({ listen: taken }, runs))).toEqual(check("ok", "by the server that runs here"));
    expect(await checkListen(contextOf({ listen: taken }))).toEqual(check("fail", "by another program", "stop it"));
  });

  test("is not everybody's without TLS, nor another machine's", async () => {
    expect(await checkListen(contextOf({ listen: "0.0.0.0:0" }))).toEqual(
      check("fail", "has no TLS", "--tls-cert-file"),
    );
    const open = { listen: "0.0.0.0:0", "allow-plaintext": "true" };
    expect((await checkListen(contextOf(open))).status).toBe("ok");
    const away = { listen: "192.0.2.1:0", "allow-plaintext": "true" };
    expect(await checkListen(contextOf(away))).toEqual(check("fail", "192.0.2.1:0", "an address of this machine"));
  });
});

test("what goes by itself is told, whatever it is", async () => {
  const { status, detail } = await checkRetention(contextOf({ "keep-runs": "90d", "keep-states": "5" }));
  expect([status, detail]).toEqual(["ok", expect.stringMatching(/keep-runs 90d, .*keep-states .*5/)]);
});

describe("the certificate", () => {
  const dayMs = 86_400_000;
  const files = () => ({ "tls-cert-file": join(dir, "cert.pem"), "tls-key-file": join(dir, "key.pem") });
  /** A certificate lasts two days, from a day before to a day after. */
  const issued = async (days: number) => {
    const { cert, key } = selfSigned(new Date(clock.now().getTime() + days * dayMs));
    await writeFile(join(dir, "cert.pem"), cert);
    await writeFile(join(dir, "key.pem"), key);
    return checkTls(contextOf(files()));
  };

  test("is none without TLS", async () => {
    expect((await checkTls(contextOf())).status).toBe("skip");
  });

  test("ends soon, has ended, or is not valid yet", async () => {
    expect(await issued(0)).toEqual(check("warn", "CN=localhost, valid until", "windlassd reads it by itself"));
    expect(await issued(-3)).toEqual(check("fail", "it has expired"));
    expect(await issued(3)).toEqual(check("fail", "it is not valid before"));
  });
});

describe("versions for agents", () => {
  const place = () => join(dir, "releases");
  const look = () => checkAgentReleases(contextOf({ "agent-releases": place() }));
  const file = "windlass-agent-1.4.2-linux-x64.tar.gz";
  const publish = async () => {
    const sha256 = createHash("sha256").update("archive").digest("hex");
    const artifacts = [{ os: "linux", arch: "x64", file, size: 7, sha256 }];
    const manifest = Buffer.from(JSON.stringify({ releases: [{ version: "1.4.2", artifacts }] }));
    const keys = [1, 2].map(() =>
      String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" })),
    );
    await writeFile(join(place(), "manifest.json"), manifest);
    await writeFile(join(place(), "manifest.json.sig"), JSON.stringify(signManifest(manifest, keys)));
  };

  test("are none unless a place is named", async () => {
    expect(await checkAgentReleases(contextOf())).toEqual(check("skip", "no --agent-releases"));
  });

  test("are looked at as agents need them", async () => {
    expect(await look()).toEqual(check("warn", `${place()}: the directory is not there`, "scripts/release"));
    await mkdir(place());
    expect(await look()).toEqual(check("warn", `${place()}: manifest.json is not there`, "--agent-releases"));
    await publish();
    expect(await look()).toEqual(check("warn", `${file} is in the manifest and is not there`, "put the archive back"));
    await writeFile(join(place(), file), "archive");
    expect(await look()).toEqual(check("ok", `1 version in ${place()}, the newest is 1.4.2`));
    await writeFile(join(place(), "manifest.json.sig"), "{}");
    expect(await look()).toEqual(check("warn", "signatures of 0 keys", "scripts/release"));
  });
});

describe("agents", () => {
  const inPool = pool({ id: newId("apool", systemRandom), organizationId: newId("org", systemRandom) });
  const given = async (...agents: readonly Partial<Agent>[]) => {
    const store = await rows();
    await store.write(async (tx) => {
      await tx.pools.insert(inPool);
      for (const change of agents) await tx.agents.insert(agentRow(inPool, { version, ...change }));
      // What is not there, and what comes with the server, does not count.
      await tx.agents.insert(agentRow(inPool, { status: "exited", version: "0.0.1" }));
      await tx.agents.insert(agentRow(null, { version: "0.0.1" }));
    });
    return { store };
  };

  test.each<[string, readonly Partial<Agent>[], string, string]>([
    ["none", [], "ok", `0 agents, all of version ${version}`],
    ["one of the server's version", [{}], "ok", `1 agent, of version ${version}`],
    ["several", [{}, {}], "ok", `2 agents, all of version ${version}`],
    ["one of another", [{}, { name: "vm-1", version: "0.0.9" }], "warn", "1 of 2 agents is not of version"],
    ["only others", Array(7).fill({ version: "0.0.9" }), "warn", "7 of 7 agents are not of version"],
  ])("have versions: %s", async (_, agents, status, detail) => {
    expect(await checkAgents(contextOf({}, await given(...agents)))).toEqual(check(status, detail));
  });

  test("of other versions are named, the first five", async () => {
    const agents = Array.from({ length: 6 }, (_, n) => ({ name: `vm-${n}`, version: "0.0.9" }));
    const { detail } = await checkAgents(contextOf({}, await given(...agents)));
    expect(detail.match(/vm-\d has 0\.0\.9/g)).toHaveLength(5);
  });

  test("are not looked for without a database", async () => {
    expect([(await checkAgents(contextOf())).status, (await checkClock(contextOf())).status]).toEqual(["skip", "skip"]);
  });

  test("tell when the clock is behind", async () => {
    const seen = (seconds: number) => new Date(clock.now().getTime() + seconds * 1_000);
    const { store } = await given({ lastSeenAt: at(-10_000_000) });
    await store.write((tx) => tx.agents.insert(agentRow(null, { lastSeenAt: seen(30) })));
    expect((await checkClock(contextOf({}, { store }))).status).toBe("ok");
    await store.write((tx) => tx.agents.insert(agentRow(null, { lastSeenAt: new Date(seen(30).getTime() + 1) })));
    expect(await checkClock(contextOf({}, { store }))).toEqual(check("warn", "an agent was seen at", "set the clock"));
  });
});
