import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publicKeys, signManifest } from "../../../scripts/releasing/manifest.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import {
  AgentUpdateReason,
  AgentUpdateState,
  AgentUpdateWishSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { silentLog } from "../../lib/program/log.ts";
import { journalFormat } from "./check.ts";
import { slotsIn } from "./slots.ts";
import { Updater } from "./updater.ts";

const keys = Array.from({ length: 2 }, () =>
  String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" })),
);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-updater-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function signed() {
  const artifacts = [
    { os: process.platform, arch: process.arch, file: "agent.tar.gz", size: 10, sha256: "0".repeat(64) },
  ];
  const releases = [{ version: "1.0.1", min_server: "0.0.1", journal_format: journalFormat, artifacts }];
  const text = { schema: 1, product: "windlass-agent", sequence: 1, expires: "2099-01-01T00:00:00.000Z", releases };
  const manifest = Buffer.from(JSON.stringify(text));
  return { manifest, signatures: Buffer.from(JSON.stringify(signManifest(manifest, keys))) };
}

/** Where nothing can be written beside the version that runs, whoever the agent's user is. */
test("an agent that cannot write versions says why, to its server as well, and goes on", async () => {
  await writeFile(slotsIn(dir), "in the place of the directory");
  const stopping = new AbortController();
  const updater = new Updater({
    config: {
      ...{ strategy: "patch", maxWaitMs: 0, trialMs: 9_000, keys: publicKeys(keys) },
      launch: { pid: 1, installed: "1.0.0", isTrial: false, versions: slotsIn(dir) },
    },
    ...{ dataDir: dir, version: "1.0.0", obstacle: undefined, minFreeBytes: 0, serverVersion: () => "1.0.0" },
    source: { manifest: async () => signed(), fetch: async () => expect.fail("there is no room for it") },
    moments: { isIdle: () => true, isLeaving: () => false, onChange: () => ({ [Symbol.dispose]: () => {} }) },
    ...{ clock: new ManualClock(), log: silentLog() },
  });
  updater.answered(create(AgentUpdateWishSchema, { targetVersion: "1.0.1" }));
  const running = updater.run(stopping.signal);
  await expect.poll(() => updater.report().state).toBe(AgentUpdateState.REFUSED);
  const report = updater.report();
  expect(report).toMatchObject({ targetVersion: "1.0.1", reason: AgentUpdateReason.DISABLED });
  expect(report.detail).toMatch(/versions cannot be written: /);
  // The server wishes nothing of such an agent from then on, which is no reason to forget why.
  updater.answered(undefined);
  await expect.poll(() => updater.report().detail).toBe(report.detail);
  stopping.abort();
  expect(await running).toEqual({ kind: "stopped" });
  expect(await readdir(dir)).toEqual(["versions"]);
});
