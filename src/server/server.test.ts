import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../test/postgres.ts";
import { selfSigned } from "../../test/support/certificate.ts";
import { freePort, occupyPort, openFilesIn, settingsOf, temporaryDirectory } from "../../test/support/server.ts";
import { lockDirectory } from "../lib/fs/dir-lock.ts";
import { type Log, memoryLog } from "../lib/program/log.ts";
import { lockDatabase } from "../store/engine/postgres-lock.ts";
import { bindOnce } from "./port.ts";
import { openServer, type Server } from "./server.ts";

let held: AsyncDisposableStack;
let dir: string;
let dataDir: string;

beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
  dataDir = join(dir, "data");
});
afterEach(() => held.disposeAsync());

type Flags = Readonly<Record<string, string>>;
type Variables = Readonly<Record<string, string>>;

async function opened(flags: Flags = {}, environment: Variables = {}, log: Log = memoryLog().log): Promise<Server> {
  const settings = settingsOf({ "data-dir": dataDir, ...flags }, environment);
  return openServer({ settings, environment: { PATH: "", ...environment }, log });
}

/** A server that was started and stopped again. */
async function servedOnce(flags: Flags = {}): Promise<void> {
  await using _server = await opened(flags);
}

/** Nothing of it is in use: neither the directory nor a file in it. */
async function expectNothingOpen(port?: number): Promise<void> {
  expect(openFilesIn(dataDir)).toEqual([]);
  const outcome = await lockDirectory(dataDir);
  expect(outcome.kind).toBe("locked");
  if (outcome.kind === "locked") outcome.lock.release();
  if (port !== undefined) expect(await bindOnce("127.0.0.1", port)).toBeUndefined();
}

/** What a start says that is refused; whatever it had opened by then is closed. */
async function refusal(flags: Flags = {}, environment: Variables = {}): Promise<unknown> {
  const port = await freePort();
  const outcome = await opened({ listen: `127.0.0.1:${port}`, ...flags }, environment).then(
    async (server) => {
      await server[Symbol.asyncDispose]();
      return new Error("it was opened");
    },
    (error: unknown) => error,
  );
  await expectNothingOpen(port);
  return outcome;
}

const startError = (exitCode: number, message: string) =>
  expect.objectContaining({ name: "StartError", exitCode, message: expect.stringContaining(message) });

const made = async () => (await readdir(dataDir)).toSorted();
/** What the lock of a directory leaves in it. */
const lockFiles = ["lock.db", "lock.pid"];

describe("a server that is opened", () => {
  test("serves, holds its directory for itself alone, and gives everything back when it is closed", async () => {
    const { log, records } = memoryLog();
    const server = await opened({}, {}, log);
    expect(server.dataDir).toBe(dataDir);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect(openFilesIn(dataDir)).toEqual(expect.arrayContaining(["lock.db", "logs.db", "windlass.db"]));
    await expect(opened()).rejects.toEqual(startError(5, `${dataDir} is in use by process ${process.pid}`));
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    await server[Symbol.asyncDispose]();
    await expect(fetch(`${server.url}/readyz`)).rejects.toThrow();
    await expectNothingOpen(Number(new URL(server.url).port));
    const said = records.map(({ msg }) => msg);
    expect(said.at(-1)).toBe("windlassd is ready");
    expect(said.filter((msg) => String(msg).startsWith("made a"))).toHaveLength(2);
  });

  test("says when the agent versions that it was told of cannot be read, and serves", async () => {
    const { log, records } = memoryLog();
    const place = join(dir, "nothing-here");
    await using server = await opened({ "agent-releases": place }, {}, log);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect(records.filter(({ msg }) => String(msg).startsWith("agent releases"))).toMatchObject([
      { place, reason: "the directory is not there", msg: expect.stringContaining("--agent-releases") },
    ]);
  });

  test("makes its keys at the first start, for its owner alone, and none at the next", async () => {
    const keys = async () => [
      await readFile(join(dataDir, "master.key"), "utf8"),
      await readFile(join(dataDir, "admin-token"), "utf8"),
    ];
    await servedOnce();
    const first = await keys();
    for (const name of ["master.key", "admin-token"])
      expect(((await stat(join(dataDir, name))).mode & 0o777).toString(8)).toBe("600");
    expect(((await stat(dataDir)).mode & 0o777).toString(8)).toBe("700");
    const { log, records } = memoryLog();
    await (await opened({}, {}, log))[Symbol.asyncDispose]();
    expect(await keys()).toEqual(first);
    expect(records.filter(({ msg }) => String(msg).startsWith("made a"))).toEqual([]);
    expect(records.at(-1)).toMatchObject({ adminTokenFile: join(dataDir, "admin-token") });
  });

  test("stops listening first, and gives its stores and its directory back last: a call that is under way ends well", async () => {
    const server = await opened();
    const port = Number(new URL(server.url).port);
    const token = (await readFile(join(dataDir, "admin-token"), "utf8")).trim();
    const call = connect(port, "127.0.0.1");
    const answer = text(call);
    call.write(
      `POST /windlass.v1.SystemService/WhoAmI HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
        "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{",
    );
    // Another call on a connection of its own is answered: by then the first one has been read.
    await fetch(`${server.url}/healthz`);
    const closing = server[Symbol.asyncDispose]();
    await expect.poll(async () => (await bindOnce("127.0.0.1", port)) === undefined).toBe(true);
    expect((await lockDirectory(dataDir)).kind).toBe("held");
    expect(openFilesIn(dataDir)).toEqual(expect.arrayContaining(["logs.db", "windlass.db"]));
    call.write("}");
    expect(await answer).toMatch(/^HTTP\/1.1 200 OK.*"SUBJECT_KIND_API_KEY"/s);
    await closing;
    await expectNothingOpen(port);
  });

  test("shows metrics and readiness on a port of their own, which closes with it", async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = await opened({ "metrics-listen": `127.0.0.1:${port}` });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain("windlass_");
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await server[Symbol.asyncDispose]();
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
    await expectNothingOpen(port);
  });

  test("that is moved says so and serves; only the first time", async () => {
    await servedOnce();
    const copy = join(dir, "copy");
    await cp(dataDir, copy, { recursive: true });
    dataDir = copy;
    const said = async () => {
      const { log, records } = memoryLog();
      await (await opened({}, {}, log))[Symbol.asyncDispose]();
      return records.filter(({ msg }) => String(msg).startsWith("this data directory is not the one"));
    };
    expect(await said()).toHaveLength(1);
    expect(await said()).toHaveLength(0);
  });
});

describe("a start is refused, and nothing stays open,", () => {
  test("where no directory can be made", async () => {
    await writeFile(join(dir, "file"), "");
    dataDir = join(dir, "file", "data");
    await expect(opened()).rejects.toEqual(startError(2, `the data directory ${dataDir} cannot be used: `));
    await expect(opened()).rejects.toThrow(/Choose another with --data-dir$/);
  });

  test("over a restore that was cut off", async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, "restore-unfinished"), "");
    expect(await refusal()).toEqual(startError(2, `a restore into ${dataDir} was not finished`));
    expect(await made()).toEqual([...lockFiles, "restore-unfinished"]);
  });

  test("if the port is somebody else's: before anything is made", async () => {
    const port = await occupyPort(held);
    const listen = `127.0.0.1:${port}`;
    await expect(opened({ listen })).rejects.toEqual(startError(1, `${listen} is in use by another program`));
    expect(await made()).toEqual(lockFiles);
    await expectNothingOpen();
  });

  test.each<[string, Flags, number, string]>([
    ["where it would be plaintext for everybody", { listen: "0.0.0.0:0" }, 2, "would be served without TLS"],
    ["on an address that is not here", { listen: "192.0.2.1:0", "allow-plaintext": "true" }, 1, "cannot listen on"],
    ["with half of TLS", { "tls-cert-file": "/nowhere" }, 2, "TLS needs both --tls-cert-file and --tls-key-file"],
    ["with TLS files that are not there", { "tls-cert-file": "/nowhere", "tls-key-file": "/nowhere" }, 2, "/nowhere"],
    ["with a PROXY protocol of nobody", { "proxy-protocol": "true" }, 2, "name their addresses with --trusted-proxies"],
    [
      "with a server agent whose files cannot be read",
      { "server-agent-concurrency": "1", "cli-config": "/nowhere/cli.tfrc" },
      2,
      "/nowhere/cli.tfrc",
    ],
  ])("%s", async (_, flags, exitCode, message) => {
    expect(await refusal(flags)).toEqual(startError(exitCode, message));
    expect(await made()).toEqual(lockFiles);
  });

  test("with the key of another certificate", async () => {
    const [one, other] = [selfSigned(new Date()), selfSigned(new Date())];
    await writeFile(join(dir, "cert.pem"), one.cert);
    await writeFile(join(dir, "key.pem"), other.key);
    const tls = { "tls-cert-file": join(dir, "cert.pem"), "tls-key-file": join(dir, "key.pem") };
    expect(await refusal(tls)).toEqual(startError(2, "do not fit together"));
  });

  test.each([
    ["windlass.db", "SQLITE_NOTADB"],
    ["logs.db", "storage_unavailable"],
  ])("over a %s that is no database", async (name, code) => {
    await servedOnce();
    await rm(join(dataDir, `${name}-wal`), { force: true });
    await writeFile(join(dataDir, name), "no database at all, and long enough to be looked at".repeat(40));
    expect(await refusal()).toEqual(
      expect.objectContaining({
        code,
        message: expect.stringContaining(`${join(dataDir, name)}: file is not a database`),
      }),
    );
  });

  test("over a database that a newer program has upgraded", async () => {
    await servedOnce();
    const db = new Database(join(dataDir, "windlass.db"));
    db.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 9999999999999)");
    db.close();
    expect(await refusal()).toEqual(expect.objectContaining({ code: "storage_unavailable" }));
  });

  test("over a database that is not upgraded, if nobody may upgrade it", async () => {
    expect(await refusal({ migrate: "check" })).toEqual(expect.objectContaining({ code: "storage_unavailable" }));
  });

  test("if there can be no objects", async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, "blobs"), "");
    expect(await refusal()).toEqual(expect.objectContaining({ code: expect.stringMatching(/EEXIST|ENOTDIR/) }));
  });

  test("with another master key, with none, and with one that is none", async () => {
    await servedOnce();
    const key = "ab".repeat(32);
    expect(await refusal({}, { WINDLASS_MASTER_KEY: key })).toEqual(startError(2, "is not the one of this database"));
    await writeFile(join(dataDir, "master.key"), "short\n");
    expect(await refusal()).toEqual(expect.objectContaining({ code: "validation" }));
    await rm(join(dataDir, "master.key"));
    expect(await refusal()).toEqual(
      startError(2, "master.key is missing, and this database was made with a master key"),
    );
    expect(await made()).not.toContain("master.key");
  });

  test("where the admin's key cannot be written; the next start makes one", async () => {
    await writeFile(join(dir, "file"), "");
    const flags = { "admin-token-file": join(dir, "file", "admin-token") };
    expect(await refusal(flags)).toEqual(expect.objectContaining({ code: expect.stringMatching(/ENOTDIR|EEXIST/) }));
    await servedOnce();
    expect(await readFile(join(dataDir, "admin-token"), "utf8")).toMatch(/^wdl_usr_\S+\n$/);
  });

  test("if the port is taken while everything else is opened", async () => {
    const port = await freePort();
    const thief = createServer();
    held.defer(() => new Promise<void>((resolve) => thief.close(() => resolve())));
    const quiet = () => {};
    // The master key is made, and told of, between the first look at the port and its opening.
    const warn = () => void (thief.listening || thief.listen(port, "127.0.0.1"));
    const levels = { debug: quiet, info: quiet, warn, error: quiet };
    const log: Log = { ...levels, isLevelEnabled: () => true, child: () => log };
    const listen = `127.0.0.1:${port}`;
    await expect(opened({ listen }, {}, log)).rejects.toEqual(startError(1, listen));
    expect(thief.listening).toBe(true);
    await expectNothingOpen();
  });

  test("if the port of the metrics is somebody else's: the own one is free again", async () => {
    const port = await occupyPort(held);
    expect(await refusal({ "metrics-listen": `127.0.0.1:${port}` })).toEqual(startError(1, "--metrics-listen: "));
    await servedOnce();
  });

  test("if the database cannot be reached", async () => {
    const url = `postgres://nobody@127.0.0.1:${await freePort()}/none`;
    expect(await refusal({ "database-url": url })).toEqual(expect.objectContaining({ code: "storage_unavailable" }));
    expect(await made()).toEqual(lockFiles);
  });

  test.runIf(hasPostgres)("if another process has the database for itself", async () => {
    const { url } = held.use(await createTestDatabase());
    const outcome = await lockDatabase({ url, hold: { kind: "alone" }, onStolen: () => {} });
    if (outcome.kind !== "locked") throw new Error(outcome.message);
    await using _other = outcome.lock;
    expect(await refusal({ "database-url": url })).toEqual(
      startError(5, "another process has this database for itself"),
    );
  });
});

test.runIf(hasPostgres)("on PostgreSQL the lock of the database goes back with a start that fails later", async () => {
  const { url } = held.use(await createTestDatabase());
  await servedOnce({ "database-url": url });
  await rename(join(dataDir, "master.key"), join(dir, "master.key"));
  expect(await refusal({ "database-url": url })).toEqual(startError(2, "master.key is missing"));
  const outcome = await lockDatabase({ url, hold: { kind: "alone" }, onStolen: () => {} });
  expect(outcome.kind).toBe("locked");
  if (outcome.kind === "locked") await outcome.lock[Symbol.asyncDispose]();
});
