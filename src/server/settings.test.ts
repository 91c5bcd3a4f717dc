import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { settingsOf } from "../../test/support/server.ts";
import type { Limits, Timing } from "../control/core/control.ts";
import type { Retention } from "../domain/people/retention.ts";
import { noNetworks } from "../lib/net/networks.ts";
import { serverSettings } from "../settings/server.ts";
import { trustOf } from "./proxy-settings.ts";
import { readSettings } from "./read-call.ts";
import { databaseOf, dataDirOf, directOf, limitsOf, timingOf } from "./settings.ts";
import { retentionOf, retentionSettings } from "./upkeep-settings.ts";

test("no two settings share a flag or a variable, and each says what it sets", () => {
  const all = Object.values(serverSettings);
  for (const names of [all.flatMap(({ flag = [] }) => flag), all.flatMap(({ env = [] }) => env)])
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(all.filter(({ about }) => about.trim() === "")).toEqual([]);
});

/** Flags whose names are not those of their settings. */
const otherFlags: Readonly<Record<string, string>> = { enginePaths: "engine-path" };
/** Variables whose names are not those of their flags. */
const otherVariables: Readonly<Record<string, string>> = {
  masterKey: "WINDLASS_MASTER_KEY",
  adminTokenFile: "WINDLASS_ADMIN_TOKEN_FILE_PATH",
  organization: "WINDLASS_DEFAULT_ORGANIZATION",
};
/** Flags that windlass-agent has as well: its variables are others. */
const ofPrograms =
  /^WINDLASS_SERVER_(CONFIG|SANDBOX|SANDBOX_PATHS|ENGINE_\w+|NO_ENGINE_DOWNLOAD|PROVIDER_\w+|CLI_CONFIG|PASS_ENV|AGENT_CONCURRENCY)$/;

test("a flag is its setting's name, and a variable its flag's: scripts that give one find the other", () => {
  for (const [name, one] of Object.entries(serverSettings)) {
    const { flag, env = "" } = one;
    const kebab = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    expect(flag).toBe(name === "masterKey" ? undefined : (otherFlags[name] ?? kebab));
    const plain = `WINDLASS_${(flag ?? "").replaceAll("-", "_").toUpperCase()}`;
    const expected =
      otherVariables[name] ??
      (ofPrograms.test(env) ? plain.replace(/^WINDLASS_(SERVER_)?/, "WINDLASS_SERVER_") : plain);
    expect(env).toBe(expected);
  }
});

test("a pooler of transactions needs a way past it", () => {
  const pooled = { "database-url": "postgres://pooler/net", "database-pooling": "transaction" };
  expect(() => settingsOf(pooled)).toThrow("--database-pooling transaction needs --database-direct-url");
  const settings = settingsOf({ ...pooled, "database-direct-url": "postgres://db/net" });
  expect([databaseOf(settings)?.url, directOf(settings)?.url]).toEqual(["postgres://pooler/net", "postgres://db/net"]);
  const plain = settingsOf({ "database-url": "postgres://db/net" });
  expect([databaseOf(plain)?.url, directOf(plain)?.url]).toEqual(["postgres://db/net", "postgres://db/net"]);
  expect(directOf(settingsOf({}))).toBeUndefined();
});

test("what may hold a password is never shown, and the master key stands on no command line", () => {
  const secrets = Object.entries(serverSettings).filter(([, one]) => one.isSecret === true);
  expect(secrets.map(([name]) => name)).toEqual(["databaseUrl", "databaseDirectUrl", "masterKey", "engineMirror"]);
  expect(serverSettings.masterKey.flag).toBeUndefined();
  const loaded = readSettings({ "database-url": "hunter2" }, {});
  expect(loaded.kind === "invalid" ? loaded.problems.join() : "").toMatch(/--database-url/);
  expect(JSON.stringify(loaded)).not.toContain("hunter2");
});

test("the data directory is the one that is named, else the service manager's, else the user's own", () => {
  const named = settingsOf({ "data-dir": "/srv/windlass" });
  expect(dataDirOf(named, { STATE_DIRECTORY: "/var/lib/windlass" })).toBe("/srv/windlass");
  const unnamed = settingsOf({});
  expect(dataDirOf(unnamed, { STATE_DIRECTORY: "/var/lib/windlass" })).toBe("/var/lib/windlass");
  expect(dataDirOf(unnamed, {})).toMatch(new RegExp(`${join("windlass", "server")}$`));
});

describe("limits", () => {
  const standard = limitsOf(settingsOf({}));

  test("that nobody sets", () => {
    expect(standard).toMatchInlineSnapshot(`
      {
        "authFailuresPerMinute": 600,
        "callsPerSecond": 500,
        "logWindowBytes": 4194304,
        "maxAgentsPerToken": 5000,
        "maxConfigurationBytes": 104857600,
        "maxLogBytes": 67108864,
        "maxPlanBytes": 268435456,
        "maxPlanFilesBytes": 268435456,
        "maxQueuedRuns": 500,
        "maxStateBytes": 268435456,
        "registrationsPerMinute": 600,
      }
    `);
  });

  test.each<[string, string, Partial<Limits>]>([
    ["max-config-size", "3MiB", { maxConfigurationBytes: 3 * 2 ** 20 }],
    ["max-state-size", "4MB", { maxStateBytes: 4_000_000 }],
    ["max-plan-files-size", "0", { maxPlanFilesBytes: 0 }],
    ["max-log-size", "7", { maxLogBytes: 7 }],
    ["rate-limit", "0", { callsPerSecond: 0 }],
    ["auth-failure-limit", "1000000", { authFailuresPerMinute: 1_000_000 }],
    ["max-queued-runs", "5", { maxQueuedRuns: 5 }],
    ["max-agents-per-token", "6", { maxAgentsPerToken: 6 }],
    ["registration-rate", "7", { registrationsPerMinute: 7 }],
  ])("--%s %s sets one of them", (flag, value, change) => {
    expect(limitsOf(settingsOf({ [flag]: value }))).toEqual({ ...standard, ...change });
  });
});

describe("times", () => {
  const plain = timingOf(settingsOf({}));
  const { silence, leases } = plain;

  test("that nobody sets", () => {
    expect({ silence, leases }).toMatchInlineSnapshot(`
      {
        "leases": {
          "applyMs": 600000,
          "offerMs": 60000,
          "planMs": 120000,
        },
        "silence": {
          "erroredMs": 300000,
          "unknownMs": 45000,
        },
      }
    `);
    expect(plain).toMatchObject({ planTimeoutMs: 7_200_000, applyTimeoutMs: 86_400_000, initTimeoutMs: 600_000 });
  });

  test.each<[string, string, Partial<Timing>]>([
    ["heartbeat-interval", "250ms", { heartbeatMs: 250 }],
    ["agent-unknown-after", "1m", { silence: { ...silence, unknownMs: 60_000 } }],
    ["agent-errored-after", "1d", { silence: { ...silence, erroredMs: 86_400_000 } }],
    ["offer-lease", "2m30s", { leases: { ...leases, offerMs: 150_000 } }],
    ["plan-lease", "4m", { leases: { ...leases, planMs: 240_000 } }],
    ["apply-grace", "1h", { leases: { ...leases, applyMs: 3_600_000 } }],
    ["queue-timeout", "0", { queueTimeoutMs: 0 }],
    ["plan-timeout", "1s", { planTimeoutMs: 1_000 }],
    ["apply-timeout", "2s", { applyTimeoutMs: 2_000 }],
    ["init-timeout", "3s", { initTimeoutMs: 3_000 }],
  ])("--%s %s sets one of them", (flag, value, change) => {
    expect(timingOf(settingsOf({ [flag]: value }))).toEqual({ ...plain, ...change });
  });

  test("after a start agents have five minutes to come back, and at least the lease of a plan", () => {
    expect(plain.restartGraceMs).toBe(300_000);
    expect(timingOf(settingsOf({ "plan-lease": "10m" })).restartGraceMs).toBe(600_000);
  });
});

describe("what is kept", () => {
  const plain = retentionOf(settingsOf({}));
  const hourMs = 3_600_000;

  test("is everything but credentials and agents that are gone, unless somebody says so", () => {
    expect(plain).toEqual({
      ...{ runsMs: null, logsMs: null, configurationsMs: null, states: null, auditMs: null },
      ...{ exitedAgentsMs: hourMs, lostAgentsMs: 7 * 24 * hourMs, endedKeysMs: 90 * 24 * hourMs },
    });
  });

  test.each<[string, string, Partial<Retention>]>([
    ["keep-runs", "1h", { runsMs: hourMs }],
    ["keep-logs", "90d", { logsMs: 90 * 24 * hourMs }],
    ["keep-configs", "60m", { configurationsMs: hourMs }],
    ["keep-audit", "365d", { auditMs: 365 * 24 * hourMs }],
    ["keep-states", "3", { states: { kind: "count", count: 3 } }],
    ["keep-states", "10000", { states: { kind: "count", count: 10_000 } }],
    ["keep-states", "1h", { states: { kind: "age", ms: hourMs } }],
    ["ended-key-ttl", "1s", { endedKeysMs: 1_000 }],
    ["exited-agent-ttl", "0", { exitedAgentsMs: 0 }],
    ["lost-agent-ttl", "2h", { lostAgentsMs: 2 * hourMs }],
  ])("--%s %s sets one of them", (flag, value, change) => {
    expect(retentionOf(settingsOf({ [flag]: value }))).toEqual({ ...plain, ...change });
  });

  test.each([
    ["keep-runs", "59m", "expected a duration of at least 1h such as 90d"],
    ["keep-logs", "0", "expected a duration of at least 1h such as 90d"],
    ["keep-configs", "-1h", "expected a duration of at least 1h such as 90d"],
    ["keep-audit", "90", "expected a duration of at least 1h such as 90d"],
    ["keep-states", "2", "expected a number from 3 to 10000, or a duration of at least 1h such as 90d"],
    ["keep-states", "10001", "expected a number from 3 to 10000, or a duration of at least 1h such as 90d"],
    ["keep-states", "59m", "expected a number from 3 to 10000, or a duration of at least 1h such as 90d"],
  ])("--%s %s is a mistake that would delete what was made just now", (flag, value, expected) => {
    expect(() => settingsOf({ [flag]: value })).toThrow(expected);
  });

  test("every setting that decides about it is told by the commands", () => {
    const kept = Object.keys(serverSettings).filter((name) => /^keep|Ttl$/.test(name));
    expect(kept.toSorted()).toEqual([...retentionSettings].toSorted());
  });
});

describe("proxies", () => {
  test("are believed by nobody as long as none is named", () => {
    expect(trustOf(settingsOf({}))).toEqual({ proxies: noNetworks, header: "auto", hasProxyProtocol: false });
  });

  test("are believed about the header that is named", () => {
    const settings = settingsOf({
      ...{ "trusted-proxies": "10.0.0.0/8, ::1", "forwarded-header": "forwarded", "proxy-protocol": "true" },
    });
    const { proxies, ...trust } = trustOf(settings);
    expect(proxies.texts).toEqual(["10.0.0.0/8", "::1"]);
    expect(trust).toEqual({ header: "forwarded", hasProxyProtocol: true });
  });

  test.each([
    ["trusted-proxies", "10.0.0.0/33"],
    ["trusted-proxies", "everybody"],
    ["forwarded-header", "x-real-ip"],
    ["path-prefix", "windlass"],
  ])("--%s %s is refused", (flag, value) => {
    expect(() => settingsOf({ [flag]: value })).toThrow(`--${flag}`);
  });
});
