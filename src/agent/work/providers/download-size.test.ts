import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { announcedBytes, packageAddress } from "./download-size.ts";
import { progressText } from "./package-progress.ts";

async function asked(answer: RequestListener, environment: (url: string) => Record<string, string> = () => ({})) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const until = { clock: systemClock, signal: new AbortController().signal };
    return await announcedBytes(new URL(`${url}/a.zip`), environment(url), until);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a server says how large a file is, behind redirects too, and is asked for nothing else", async () => {
  const methods: (string | undefined)[] = [];
  const answer: RequestListener = ({ url, method }, response) => {
    methods.push(method);
    if (url === "/a.zip") response.writeHead(302, { location: "/b.zip" }).end();
    else response.writeHead(200, { "content-length": "88000000" }).end();
  };
  expect(await asked(answer)).toBe(88_000_000);
  expect(methods).toEqual(["HEAD", "HEAD"]);
});

test("through the proxy of the jobs", async () => {
  const urls: (string | undefined)[] = [];
  const proxy = createServer(({ url }, response) => {
    urls.push(url);
    response.writeHead(200, { "content-length": "5" }).end();
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const http_proxy = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const until = { clock: systemClock, signal: new AbortController().signal };
  const bytes = await announcedBytes(new URL("http://registry.windlass.test/a.zip"), { http_proxy }, until);
  proxy.closeAllConnections();
  proxy.close();
  expect([bytes, urls]).toEqual([5, ["http://registry.windlass.test/a.zip"]]);
});

test.each<readonly [string, RequestListener]>([
  ["names no length", (_, response) => response.writeHead(200, { "transfer-encoding": "chunked" }).end()],
  ["takes no HEAD", (_, response) => response.writeHead(405, { "content-length": "3" }).end()],
  ["breaks off", (_, response) => void response.destroy()],
])("nothing is known of a file whose server %s", async (_name, answer) => {
  expect(await asked(answer)).toBeUndefined();
});

test("the engine's log names the package that it gets", () => {
  const installing =
    "[TRACE] providercache.Dir.InstallPackage: installing r.test/acme/p v1.0.0 from https://cdn.test/p_1.zip?x=1";
  const log = `2026 [DEBUG] GET https://r.test/v1/versions\n2026 ${installing}\nother\n`;
  expect(packageAddress(log)?.href).toBe("https://cdn.test/p_1.zip?x=1");
  expect(packageAddress("nothing")).toBeUndefined();
});

test.each([
  [12_300_000, 88_000_000, "12 of 88 MB"],
  [400_000, 6_400_000, "0.4 of 6.4 MB"],
  [12_300_000, undefined, "12.3 MB so far"],
  [12_300_000, 5, "12.3 MB so far"],
])("%s of %s bytes are %j", (bytes, totalBytes, text) => {
  expect(progressText({ bytes, totalBytes })).toBe(text);
});
