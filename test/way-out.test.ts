import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { beforeAll, expect, test } from "vitest";
import type { Check } from "../src/lib/checks/check.ts";
import { privatelySigned } from "./support/certificate.ts";
import { ForwardProxyServer } from "./support/forward-proxy.ts";
import { useStage } from "./support/stage.ts";

const name = "tf.windlass.test";
const signed = privatelySigned(new Date(), { names: [name] });
const stage = useStage();

let tlsPort = 0;
let caFile = "";

beforeAll(async () => {
  const { scene, server } = stage;
  caFile = join(scene.directory, "way-ca.pem");
  await writeFile(caFile, signed.ca);
  const { hostname, port } = new URL(server.url);
  const front = createServer({ cert: signed.cert, key: signed.key, ALPNProtocols: ["h2"] }, (socket) => {
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
  tlsPort = (front.address() as AddressInfo).port;
});

type Rules = Parameters<typeof ForwardProxyServer.start>[0];

/** A proxy that alone knows where the server is. */
async function proxied(rules: Rules = {}) {
  const proxy = await ForwardProxyServer.start({ places: { [`${name}:443`]: `127.0.0.1:${tlsPort}` }, ...rules });
  stage.scene.defer(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

let agents = 0;

/** Starts `windlass-agent` with this environment, and its log in JSON. */
async function agent(env: Readonly<Record<string, string>>, command: readonly string[] = []) {
  const { scene, server } = stage;
  agents += 1;
  const { secret } = await server.api.token(await server.api.pool());
  const tokenFile = join(scene.directory, `way-${agents}.token`);
  await writeFile(tokenFile, secret, { mode: 0o600 });
  const files = ["--token-file", tokenFile, "--data-dir", join(scene.directory, `way-${agents}`)];
  const args = [
    ...command,
    "--address",
    `https://${name}`,
    ...files,
    "--log-format",
    "json",
    "--min-free-disk",
    "1MiB",
  ];
  return scene.start("windlass-agent", args, env);
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");
const checksOf = (text: string) => {
  const checks = JSON.parse(text) as readonly Check[];
  return (id: string) => checks.find((check) => check.id === id);
};

test("an agent connects through the proxy of HTTPS_PROXY, with user, password and the authorities of SSL_CERT_FILE", async () => {
  const proxy = await proxied({ credentials: "agent:se cret" });
  const HTTPS_PROXY = proxy.url.replace("://", "://agent:se%20cret@");
  await using program = await agent({ HTTPS_PROXY, SSL_CERT_FILE: caFile, NO_PROXY: "10.0.0.0/8, ,localhost," });
  await program.says(/registered successfully|waiting for next job/);
  expect(proxy.asked[0]).toBe(`${name}:443`);
  expect(program.stderr() + program.stdout()).not.toContain("cret");
});

test.each<[string, Rules, RegExp]>([
  [
    "wants a user",
    { credentials: "a:b" },
    /the proxy http:\S+ \(https_proxy\) wants a user and a password \(HTTP 407\)/,
  ],
  ["forbids the port", { refuse: () => 403 }, /does not allow CONNECT to tf.windlass.test:443 \(HTTP 403\)/],
  ["closes", { mood: "closes" }, /closes the connection without an answer/],
])(
  "an agent says why when the proxy %s, in its JSON log and nowhere else, and the doctor says the same",
  async (_name, rules, reason) => {
    const { url } = await proxied(rules);
    const env = { https_proxy: url, WINDLASS_CA_FILE: caFile };
    await using program = await agent(env);
    await program.says(/"msg":"cannot connect/);
    await program.stop();
    const records = lines(program.stdout() + program.stderr()).map((line) => JSON.parse(line));
    expect(records).toContainEqual(expect.objectContaining({ reason: expect.stringMatching(reason) }));
    const doctor = await agent(env, ["doctor"]);
    expect((await doctor.ended).code).toBe(1);
    const of = checksOf(doctor.stdout());
    expect(of("proxy")).toMatchObject({ status: "fail", detail: expect.stringMatching(reason) });
    expect([of("tls")?.status, of("http2")?.status, of("token")?.status]).toEqual(["skip", "skip", "skip"]);
  },
);

test("the agent's doctor goes through the proxy as the agent does", async () => {
  const proxy = await proxied();
  const doctor = await agent({ https_proxy: proxy.url, WINDLASS_CA_FILE: caFile }, ["doctor"]);
  await doctor.ended;
  const of = checksOf(doctor.stdout());
  expect(of("proxy")).toMatchObject({ status: "ok", detail: expect.stringContaining("lets us through in") });
  expect(["address", "tcp", "http2", "token"].map((id) => of(id)?.status)).toEqual(["ok", "ok", "ok", "ok"]);
  expect(doctor.stderr()).toBe("");
});

test("a proxy that cannot be used is refused at the start", async () => {
  const program = await agent({ all_proxy: "socks5://127.0.0.1:1080" });
  expect((await program.ended).code).toBe(2);
  expect(program.stderr()).toContain("all_proxy names a SOCKS proxy (socks5://), which is not supported");
});

test("an address that is an IP is reached over TLS without a word of Node", async () => {
  const { scene } = stage;
  const direct = scene.start("windlass-agent", ["doctor", "--address", `https://127.0.0.1:${tlsPort}`], {
    WINDLASS_CA_FILE: caFile,
    WINDLASS_AGENT_TOKEN: (await stage.server.api.token(await stage.server.api.pool())).secret,
  });
  await direct.ended;
  expect(direct.stderr()).toBe("");
  expect(direct.stdout()).toMatch(/ok +http2 +spoken/);
});
