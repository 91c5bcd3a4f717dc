import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestWeb, type TestWeb } from "../support/web.ts";

let web: TestWeb;
let cookie: string;
beforeAll(async () => {
  web = await openTestWeb();
  cookie = await web.signIn((await web.key("owner")).secret);
});
afterAll(() => web[Symbol.asyncDispose]());

/** The status of what is answered to these very bytes; empty if nothing is. */
async function statusOf(path: string, host: string): Promise<string> {
  const socket = connect(Number(new URL(web.url).port), "127.0.0.1");
  socket.end(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`);
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString();
  });
  await once(socket, "close");
  return text.split(" ")[1] ?? "";
}

test.each([
  "[",
  "a b",
  "a:99999",
  "windlass@evil.example",
  "evil.example/x",
  "evil.example#",
  "a,evil.example",
  "a\\b",
])("a host that is none, %j, is refused on every path, and not taken for another one", async (host) => {
  for (const path of ["/", "/login", "/o/acme", "/download/audit.csv", "/app/acme/network"])
    expect([path, await statusOf(path, host)]).toEqual([path, "400"]);
  for (const path of ["/api/v2/ping", "/.well-known/terraform.json"])
    expect([path, await statusOf(path, host)]).toEqual([path, "422"]);
});

test("what is read with a cookie is kept by no cache", async () => {
  const message = encodeURIComponent("{}");
  const path = `/windlass.v1.WorkspaceService/ListWorkspaces?connect=v1&encoding=json&message=${message}`;
  const { status, headers } = await web.send(path, { headers: { cookie } });
  expect([status, headers["cache-control"]]).toEqual([200, "no-store"]);
});

test.each([
  ["/app/%5cevil.example", "/o/%5Cevil.example"],
  ["/app/..%2f..%2fevil.example/x", "/o/..%2F..%2Fevil.example/ws/x"],
  ["/app/%0d%0aset-cookie:a=b/x", "/o/%0D%0Aset-cookie%3Aa%3Db/ws/x"],
])("%s leads to a page of this server", async (path, page) => {
  const { headers } = await web.send(path);
  expect([headers.location, headers["set-cookie"]]).toEqual([page, undefined]);
});
