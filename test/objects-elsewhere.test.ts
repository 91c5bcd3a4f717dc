/** A server whose objects lie in S3: on the way there, and when it does not answer any more. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./support/api.ts";
import { privatelySigned } from "./support/certificate.ts";
import { ForwardProxyServer } from "./support/forward-proxy.ts";
import type { Program } from "./support/programs.ts";
import { openTestS3, type TestS3, testBucket, testKeys } from "./support/s3-server.ts";
import { openScene, type Scene } from "./support/scene.ts";
import { until } from "./support/until.ts";

const timeoutMs = 4_000;
/** What a process may take to end beside what it waits for, on a busy machine. */
const slackMs = 4_000;
/** A name that no resolver knows. */
const name = "objects.windlass.test";
const signed = privatelySigned(new Date(), { names: [name] });

let s3: TestS3;
let scene: Scene;
beforeAll(async () => {
  s3 = await openTestS3();
  scene = await openScene();
});
afterEach(() => {
  s3.fault = () => undefined;
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await s3?.[Symbol.asyncDispose]();
});

let servers = 0;

/** Starts `windlassd` with its objects there. */
function start(blobUrl: string, env: Readonly<Record<string, string>> = {}): { program: Program; dataDir: string } {
  servers += 1;
  const dataDir = join(scene.directory, `server-${servers}`);
  const args = [
    ...["--data-dir", dataDir, "--listen", "127.0.0.1:0", "--log-format", "json", "--blob-url", blobUrl],
    ...["--server-agent-concurrency", "0", "--shutdown-timeout", `${timeoutMs}ms`],
  ];
  return { dataDir, program: scene.start("windlassd", args, { ...testKeys, ...env }) };
}

const readyAt = async (program: Program) => {
  const [, url = ""] = await program.says(/"url":"([^"]+)"[^\n]*windlassd is ready/);
  return url;
};

async function apiOf({ program, dataDir }: ReturnType<typeof start>): Promise<Api> {
  return new Api(await readyAt(program), (await readFile(join(dataDir, "admin-token"), "utf8")).trim());
}

/** What speaks TLS before the store, under the name; answers its port. */
async function tlsFront(): Promise<number> {
  const { hostname, port } = new URL(s3.endpoint);
  const front = createServer({ cert: signed.cert, key: signed.key }, (socket) => {
    const upstream = connect(Number(port), hostname);
    for (const one of [socket, upstream]) one.on("error", () => {});
    socket.pipe(upstream).pipe(socket);
    scene.defer(() => {
      socket.destroy();
      upstream.destroy();
    });
  });
  front.on("tlsClientError", () => {});
  await once(front.listen(0, "127.0.0.1"), "listening");
  scene.defer(() => void front.close());
  return (front.address() as AddressInfo).port;
}

describe("a store behind a forward proxy, with a certificate of a private authority", () => {
  let proxy: ForwardProxyServer;
  let caFile: string;
  const blobUrl = () => `s3://${testBucket}/way-${servers}?endpoint=https://${name}`;
  beforeAll(async () => {
    caFile = join(scene.directory, "ca.pem");
    await writeFile(caFile, signed.ca);
    const places = { [`${name}:443`]: `127.0.0.1:${await tlsFront()}` };
    proxy = await ForwardProxyServer.start({ places, credentials: "server:se cret" });
    scene.defer(() => proxy[Symbol.asyncDispose]());
  });
  afterEach(() => {
    proxy.asked.length = 0;
  });
  const named = () => proxy.url.replace("://", "://server:se%20cret@");

  test.each([
    ["NODE_EXTRA_CA_CERTS", "HTTPS_PROXY"],
    ["SSL_CERT_FILE", "all_proxy"],
  ])("is used with the authority of %s and the proxy of %s", async (trust, variable) => {
    const server = start(blobUrl(), { [trust]: caFile, [variable]: named(), NO_PROXY: "10.0.0.0/8,.example.test" });
    using api = await apiOf(server);
    const workspace = await api.workspace();
    s3.requests.length = 0;
    await api.upload(workspace, await scene.configuration("hello"));
    expect(s3.requests).toContainEqual(expect.stringMatching(/^PUT way-\d+\/objects\/[0-9a-f]{64}/));
    expect(new Set(proxy.asked)).toEqual(new Set([`${name}:443`]));
    expect(await server.program.stop()).toEqual({ code: 0, signal: null });
    expect(server.program.stderr() + server.program.stdout()).not.toContain("cret");
  });

  test("is refused without its authority, with what to do", async () => {
    const { program } = start(blobUrl(), { https_proxy: named() });
    expect(await program.ended).toMatchObject({ code: 7 });
    expect(program.stderr() + program.stdout()).toMatch(/its certificate is not trusted \(\w+\): name its authority/);
  });

  test("is looked for without the proxy where no_proxy excepts it", async () => {
    const { program } = start(blobUrl(), { https_proxy: named(), no_proxy: ".windlass.test" });
    expect(await program.ended).toMatchObject({ code: 7 });
    expect(program.stderr() + program.stdout()).toMatch(/cannot be reached: getaddrinfo \w+ objects\.windlass\.test/);
    expect(proxy.asked).toEqual([]);
  });

  test("is told of with the proxy that refuses", async () => {
    const { program } = start(blobUrl(), { https_proxy: proxy.url });
    expect(await program.ended).toMatchObject({ code: 7 });
    expect(program.stderr() + program.stdout()).toMatch(/cannot be reached: .*407/);
  });

  test("is no use with a SOCKS proxy, which is refused", async () => {
    const { program } = start(blobUrl(), { all_proxy: "socks5://127.0.0.1:1" });
    expect((await program.ended).code).toBe(2);
    expect(program.stderr() + program.stdout()).toMatch(/all_proxy names a SOCKS proxy .*which is not supported/);
  });
});

test("a store that does not answer any more ends no server later than it was to end, whether it serves or only starts", async () => {
  const serving = start(s3.url("silent"));
  using api = await apiOf(serving);
  const workspace = await api.workspace();
  const configuration = await scene.configuration("hello");
  s3.requests.length = 0;
  s3.fault = () => ({ kind: "silent" });
  const uploaded = api.upload(workspace, configuration).then(
    () => "stored",
    () => "refused",
  );
  await until("the upload asks", () => s3.requests.length > 0);
  const starting = start(s3.url("silent-start"));
  await until("the start asks", () => s3.requests.some((one) => one.includes("silent-start")));
  for (const { program } of [serving, starting]) {
    const began = performance.now();
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(timeoutMs + slackMs);
  }
  expect(await uploaded).toBe("refused");
});
