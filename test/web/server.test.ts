import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { memoryLog } from "../../src/lib/program/log.ts";
import { openServer } from "../../src/server/server.ts";
import { freePort, settingsOf, temporaryDirectory } from "../support/server.ts";

let held: AsyncDisposableStack;
let dataDir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dataDir = join(await temporaryDirectory(held), "data");
});
afterEach(() => held.disposeAsync());

async function opened(flags: Readonly<Record<string, string>> = {}) {
  const { log, records } = memoryLog();
  const settings = settingsOf({ "data-dir": dataDir, ...flags });
  const server = await openServer({ settings, environment: { PATH: "" }, log });
  return { server, records };
}

const adminKey = async () => (await readFile(join(dataDir, "admin-token"), "utf8")).trim();

const signIn = async (url: string) =>
  fetch(`${url}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ apiKey: await adminKey() }),
  });

const whoIs = (url: string, cookie: string) =>
  fetch(`${url}/windlass.v1.SystemService/WhoAmI`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url, cookie },
    body: "{}",
  });

const infoOf = async (url: string) =>
  (await fetch(`${url}/windlass.v1.SystemService/GetServerInfo?encoding=json&message=%7B%7D`)).json();

test("a browser stays signed in while the server is started again", async () => {
  const port = await freePort();
  let cookie = "";
  {
    await using first = (await opened({ listen: `127.0.0.1:${port}`, "public-url": "https://w.example.com" })).server;
    cookie = (await signIn(first.url)).headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await whoIs(first.url, cookie)).status).toBe(200);
    expect(await infoOf(first.url)).toMatchObject({ hasWeb: true, publicUrl: "https://w.example.com" });
  }
  await using second = (await opened({ listen: `127.0.0.1:${port}` })).server;
  expect((await whoIs(second.url, cookie)).status).toBe(200);
});

test("--no-web leaves the UI out: no pages, no sessions, and cookies are worth nothing", async () => {
  const port = await freePort();
  const listen = `127.0.0.1:${port}`;
  let cookie = "";
  {
    await using first = (await opened({ listen })).server;
    cookie = (await signIn(first.url)).headers.get("set-cookie")?.split(";")[0] ?? "";
  }
  const { server, records } = await opened({ listen, "no-web": "true" });
  await using second = server;
  for (const path of ["/", "/login", "/assets/x.js", "/app/acme/network", "/download/audit.csv"]) {
    const answer = await fetch(`${second.url}${path}`, { redirect: "manual", headers: { cookie } });
    expect([path, answer.status, await answer.json()]).toMatchObject([path, 404, { code: "not_found" }]);
  }
  expect((await signIn(second.url)).status).toBe(404);
  expect((await whoIs(second.url, cookie)).status).toBe(401);
  expect(await infoOf(second.url)).not.toHaveProperty("hasWeb");
  expect(records.filter(({ msg }) => String(msg).includes("UI"))).toEqual([]);
  expect((await fetch(`${second.url}/app/settings/tokens`)).status).toBe(200);
});
