import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { memoryLog } from "../lib/log.ts";
import { version } from "../lib/version.ts";
import { serverAgentConfig } from "./server-agent-config.ts";
import {
  checkAdminKey,
  checkServerSandbox,
  chooseServerAgent,
  keyFilesOf,
  type ServerAgentChoice,
  warnOfAdminKey,
  warnOfServerAgent,
} from "./server-agent-sandbox.ts";
import { settingsOf, temporaryDirectory } from "./testing.ts";

let held: AsyncDisposableStack;
let dir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
});
afterEach(() => held.disposeAsync());

type Flags = Readonly<Record<string, string>>;
const settings = (flags: Flags = {}, variables: Flags = {}) =>
  settingsOf({ "data-dir": dir, "server-agent-concurrency": "1", ...flags }, variables);

/** A search path with a bwrap that is there and does not work. */
async function brokenBubblewrap() {
  const program = join(dir, "bin", "bwrap");
  await mkdir(join(dir, "bin"));
  await writeFile(program, "#!/bin/sh\necho 'no user namespaces' >&2\nexit 1\n");
  await chmod(program, 0o755);
  return { PATH: join(dir, "bin") };
}

test("without concurrency there is no server agent, and what to do for one is known", async () => {
  const found = await chooseServerAgent(settings({ "server-agent-concurrency": "0", sandbox: "none" }), {});
  expect(found).toEqual({ kind: "none", cure: expect.stringContaining("--server-agent-concurrency 1") });
});

test("without a sandbox there is one only if somebody says so", async () => {
  const environment = await brokenBubblewrap();
  expect(await chooseServerAgent(settings({ sandbox: "none" }), environment)).toEqual({ kind: "unprotected" });
  for (const sandbox of ["auto", "bwrap"]) {
    const found = await chooseServerAgent(settings({ sandbox }), environment);
    const why = expect.stringContaining("no user namespaces");
    expect(found).toEqual({ kind: "none", why, cure: expect.stringContaining("or assign the workspace to a pool") });
  }
});

test("what doctor says of it is what a start would do", async () => {
  const environment = await brokenBubblewrap();
  const keys = keyFilesOf(settings(), dir);
  const unprotected = await checkServerSandbox(settings({ sandbox: "none" }), environment, keys);
  expect(unprotected).toMatchObject({ status: "fail", detail: expect.stringContaining(join(dir, "master.key")) });
  const none = await checkServerSandbox(settings(), environment, keys);
  expect(none).toMatchObject({ status: "fail", detail: expect.stringContaining("no user namespaces") });
});

test("where the keys are follows the settings", () => {
  expect(keyFilesOf(settings(), dir)).toEqual({
    ...{ masterKey: join(dir, "master.key"), adminKey: join(dir, "admin-token") },
  });
  const elsewhere = settings({ "admin-token-file": "/safe/admin" }, { WINDLASS_MASTER_KEY: "ab".repeat(32) });
  expect(keyFilesOf(elsewhere, dir)).toEqual({ masterKey: "WINDLASS_MASTER_KEY", adminKey: "/safe/admin" });
});

test.each<[ServerAgentChoice, readonly (readonly [string, string])[]]>([
  [{ kind: "sandboxed" }, []],
  [{ kind: "none", cure: "it was asked for" }, []],
  [{ kind: "unprotected" }, [["warn", "WITHOUT A SANDBOX"]]],
  [{ kind: "none", cure: "install it", why: "no bwrap" }, [["error", "NO SERVER AGENT"]]],
])("of %j a start says %j", (choice, said) => {
  const { log, records } = memoryLog();
  warnOfServerAgent(log, choice, { masterKey: "master.key", adminKey: "admin-token" });
  expect(records.map(({ level, msg }) => [level, msg])).toEqual(
    said.map(([level, text]) => [level, expect.stringContaining(text)]),
  );
});

test("the admin's key is warned of while it lies beside the data, and nowhere else", async () => {
  const warned = (adminKey: string) => {
    const { log, records } = memoryLog();
    const keys = { masterKey: "", adminKey };
    warnOfAdminKey(log, join(dir, "data"), keys);
    return [records.length, checkAdminKey(join(dir, "data"), keys).status];
  };
  await mkdir(join(dir, "data", "keys"), { recursive: true });
  await mkdir(join(dir, "data-elsewhere"));
  for (const place of ["data/admin", "data/keys/admin", "data-elsewhere/admin"]) await writeFile(join(dir, place), "");
  expect(warned(join(dir, "data", "admin"))).toEqual([1, "warn"]);
  expect(warned(join(dir, "data", "keys", "admin"))).toEqual([1, "warn"]);
  expect(warned(join(dir, "data-elsewhere", "admin"))).toEqual([0, "ok"]);
  expect(warned(join(dir, "data", "moved-away"))).toEqual([0, "ok"]);
});

test("the server's agent is never without a sandbox by chance, and is told what the settings say", () => {
  const configOf = (flags: Flags) =>
    serverAgentConfig(settings(flags), { dataDir: dir, environment: { PATH: "/bin" } });
  expect(["auto", "bwrap", "none"].map((sandbox) => configOf({ sandbox }).sandbox)).toEqual(["bwrap", "bwrap", "none"]);
  const config = configOf({ "server-agent-concurrency": "3", "sandbox-paths": "/opt/a", "engine-path": "/opt/tofu" });
  expect(config).toMatchObject({
    ...{ dataDir: join(dir, "server-agent"), name: "server-agent", concurrency: 3, version, isServerAgent: true },
    ...{ searchPath: "/bin", sandboxPaths: ["/opt/a"], enginePaths: ["/opt/tofu"], labels: {} },
  });
  expect(config.engineDownloads).toBeDefined();
  expect(configOf({ "no-engine-download": "true" }).engineDownloads).toBeUndefined();
});
