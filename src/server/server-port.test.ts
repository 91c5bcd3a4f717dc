import { readFile, writeFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { selfSigned } from "../../test/support/certificate.ts";
import { memoryLog } from "../lib/log.ts";
import { certificateOf, readTls } from "./port.ts";
import { openServer, type Server } from "./server.ts";
import { settingsOf, temporaryDirectory } from "./testing.ts";

let held: AsyncDisposableStack;
let dir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
});
afterEach(() => held.disposeAsync());

type Flags = Readonly<Record<string, string>>;

async function opened(flags: Flags = {}): Promise<Server> {
  const settings = settingsOf({ "data-dir": join(dir, "data"), ...flags });
  return held.use(await openServer({ settings, environment: { PATH: "" }, log: memoryLog().log }));
}

/** What a call answers, as its admin calls it with JSON. */
async function call(server: Server, method: string): Promise<{ readonly status: number; readonly body: string }> {
  const token = (await readFile(join(dir, "data", "admin-token"), "utf8")).trim();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${server.url}/${method}`, { method: "POST", headers, body: "{}" });
  return { status: answer.status, body: await answer.text() };
}

test("the port answers for the history of its database, whose name stays", async () => {
  const infoOf = async (server: Server) =>
    JSON.parse((await call(server, "windlass.v1.SystemService/GetServerInfo")).body);
  const first = await opened();
  const info = await infoOf(first);
  expect(info).toMatchObject({ database: "sqlite", clusterGeneration: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  await first[Symbol.asyncDispose]();
  expect((await infoOf(await opened())).clusterGeneration).toBe(info.clusterGeneration);
});

test("whoever may not call is told so, and reflection is there unless it is not wanted", async () => {
  const reflection = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const server = await opened();
  const anonymous = await fetch(`${server.url}/windlass.v1.SystemService/WhoAmI`, {
    ...{ method: "POST", headers: { "content-type": "application/json" }, body: "{}" },
  });
  expect(anonymous.status).toBe(401);
  // A stream wants another content type: it is known, at least.
  expect((await call(server, reflection)).status).toBe(400);
  await server[Symbol.asyncDispose]();
  expect((await call(await opened({ "no-reflection": "true" }), reflection)).status).toBe(404);
});

const files = () => ({ "tls-cert-file": join(dir, "cert.pem"), "tls-key-file": join(dir, "key.pem") });
async function put(): Promise<ReturnType<typeof selfSigned>> {
  const pair = selfSigned(new Date());
  await writeFile(join(dir, "cert.pem"), pair.cert);
  await writeFile(join(dir, "key.pem"), pair.key);
  return pair;
}

/** The answer of a page over TLS by somebody who trusts this certificate alone. */
function statusOver(server: Server, ca: string): Promise<number | undefined> {
  const { port } = new URL(server.url);
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0 });
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", servername: "localhost", port, path: "/readyz", ca, agent }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    }).on("error", reject);
  });
}

test("with TLS it serves nobody in the clear, and after a word it shows the certificate that is there by then", async () => {
  const first = await put();
  const server = await opened(files());
  expect(server.url).toMatch(/^https:/);
  expect(await statusOver(server, first.cert)).toBe(200);
  await expect(fetch(server.url.replace("https:", "http:"))).rejects.toThrow();
  const second = await put();
  expect(await statusOver(server, first.cert)).toBe(200);
  await server.rereadTls();
  expect(await statusOver(server, second.cert)).toBe(200);
  await expect(statusOver(server, first.cert)).rejects.toThrow();
});

test("a certificate is known by the first name that it was issued for", async () => {
  const pair = await put();
  const settings = settingsOf(files());
  const read = await readTls(settings);
  expect(read).toEqual({ cert: pair.cert, key: pair.key });
  const facts = certificateOf(read);
  expect(facts?.name).toBe("localhost");
  expect((facts?.endsAt.getTime() ?? 0) - (facts?.beginsAt.getTime() ?? 0)).toBeGreaterThan(86_400_000);
  expect([await readTls(settingsOf({})), certificateOf(undefined)]).toEqual([undefined, undefined]);
});
