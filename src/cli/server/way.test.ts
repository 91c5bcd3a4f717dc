import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type OutgoingHttpHeaders } from "node:http2";
import { type AddressInfo, createServer as createNetServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { privatelySigned } from "../../../test/support/certificate.ts";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { ForwardProxyServer } from "../../../test/support/forward-proxy.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { Role, SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import type { Check } from "../../lib/checks/check.ts";
import { systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";

const name = "tf.windlass.test";
const signed = privatelySigned(systemClock.now(), { names: [name] });
const WINDLASS_TOKEN = mintToken("usr", systemRandom);

function routes(router: ConnectRouter): void {
  router.service(AgentPoolService, { listAgentPools: () => ({ agentPools: [{ name: "prod" }] }) });
  router.service(SystemService, {
    getServerInfo: () => ({ version: "1" }),
    whoAmI: () => ({ name: "ana", id: "key_1", role: Role.SITE_ADMIN, organizations: ["acme"] }),
  });
}

let held: AsyncDisposableStack;
let home = "";
let server: FakeServer;
beforeAll(async () => {
  held = new AsyncDisposableStack();
  home = await mkdtemp(join(tmpdir(), "windlass-way-"));
  held.defer(() => rm(home, { recursive: true }));
  await writeFile(join(home, "ca.pem"), signed.ca);
  server = held.use(await new FakeServer(routes, { cert: signed.cert, key: signed.key }).start());
});
afterAll(() => held.disposeAsync());

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  held.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

const pools = (environment: Record<string, string>) =>
  runCli(["pool", "list", "-o", "name"], { environment: { WINDLASS_TOKEN, ...environment } });

describe("through a forward proxy", () => {
  const proxied = async (rules: Parameters<typeof ForwardProxyServer.start>[0] = {}) => {
    const places = { [`${name}:443`]: `127.0.0.1:${server.port}` };
    const proxy = held.use(await ForwardProxyServer.start({ places, ...rules }));
    const environment = { WINDLASS_ADDRESS: `https://${name}`, WINDLASS_CA_FILE: join(home, "ca.pem") };
    return { proxy, environment: { ...environment, HTTPS_PROXY: proxy.url } };
  };

  test("commands reach a server whose name only the proxy knows", async () => {
    const { proxy, environment } = await proxied();
    expect(await pools(environment)).toMatchObject({ exit: 0, stdout: "pool/prod\n" });
    expect(proxy.asked).toEqual([`${name}:443`]);
  });

  test("the doctor goes the same way, and says so", async () => {
    const { proxy, environment } = await proxied();
    const { stdout } = await runCli(["doctor", "-o", "json"], { environment: { WINDLASS_TOKEN, ...environment } });
    const checks = JSON.parse(stdout) as readonly Check[];
    const of = (id: string) => checks.find((check) => check.id === id);
    expect(of("address")).toMatchObject({ status: "ok", detail: "127.0.0.1 of the proxy" });
    expect(of("proxy")).toMatchObject({
      status: "ok",
      detail: expect.stringMatching(`^the proxy ${proxy.url} \\(HTTPS_PROXY\\) lets us through in \\d+ ms$`),
    });
    for (const id of ["tcp", "tls", "http2", "token"]) expect(of(id)?.status).not.toBe("fail");
  });

  test("what it refuses is the error, of commands and of the doctor alike", async () => {
    const { proxy, environment } = await proxied({ refuse: () => 403 });
    const sentence = `the proxy ${proxy.url} (HTTPS_PROXY) does not allow CONNECT to ${name}:443 (HTTP 403)`;
    const { exit, stderr } = await pools(environment);
    expect({ exit, stderr }).toEqual({ exit: 7, stderr: expect.stringContaining(`Error: ${sentence}: let it allow`) });
    const told = await runCli(["doctor", "-o", "json"], { environment: { WINDLASS_TOKEN, ...environment } });
    const checks = JSON.parse(told.stdout) as readonly Check[];
    expect(checks.find(({ id }) => id === "proxy")).toMatchObject({ status: "fail", detail: sentence });
    expect(checks.find(({ id }) => id === "tls")?.status).toBe("skip");
  });

  test("an end of the patience says what was still under way", async () => {
    const { environment } = await proxied({ mood: "mute" });
    const { exit, stderr } = await pools({ ...environment, WINDLASS_TIMEOUT: "200ms" });
    expect(exit).toBe(7);
    expect(stderr).toContain(`https://${name} was not reached in time: the proxy has not opened the tunnel yet`);
  });
});

test("the authorities of the system count without --ca-file", async () => {
  const places = { [`${name}:443`]: `127.0.0.1:${server.port}` };
  const proxy = held.use(await ForwardProxyServer.start({ places }));
  const environment = { WINDLASS_ADDRESS: `https://${name}`, https_proxy: proxy.url, SSL_CERT_DIR: "/nonexistent" };
  const file = { SSL_CERT_FILE: join(home, "ca.pem") };
  expect(await pools({ ...environment, ...file })).toMatchObject({ exit: 0, stdout: "pool/prod\n" });
  const { exit, stderr } = await pools(environment);
  expect(exit).toBe(7);
  expect(stderr).toContain("signed by an authority that is not trusted here: CN=a private authority");
  expect(stderr).not.toMatch(/node/i);
});

test("an IPv6 address works, login included, and files are saved with their whole paths", async () => {
  const tls = privatelySigned(systemClock.now(), { names: ["six.test"] });
  const six = held.use(await new FakeServer(routes, tls, "::1").start());
  await writeFile(join(home, "six.pem"), tls.ca);
  const config = join(home, "config.yaml");
  const environment = { WINDLASS_CONFIG: config, WINDLASS_SERVER_NAME: "six.test" };
  const workingDirectory = process.cwd();
  const asked = { environment, stdin: WINDLASS_TOKEN, workingDirectory };
  const caFile = join(home, "six.pem");
  const given = relative(workingDirectory, caFile);
  const login = await runCli(["login", six.address, "--token-stdin", "--ca-file", given], asked);
  expect(login).toMatchObject({ exit: 0, stdout: expect.stringContaining(`[::1]:${six.port}`) });
  expect(await runCli(["pool", "list", "-o", "name"], asked)).toMatchObject({ exit: 0, stdout: "pool/prod\n" });
  expect(await readFile(config, "utf8")).toContain(`caFile: ${caFile}`);
});

describe("answers of something that is no Windlass", () => {
  const answering = async (headers: OutgoingHttpHeaders, body = "") => {
    const server = createServer();
    server.on("stream", (stream) => {
      stream.respond(headers);
      stream.end(body);
    });
    const port = await listening(server as unknown as Server);
    return pools({ WINDLASS_ADDRESS: `http://127.0.0.1:${port}` });
  };
  const page = { "content-type": "text/html", server: "nginx" };

  test.each([
    [502, "a proxy gets no good answer from the server behind it"],
    [413, "nginx calls this client_max_body_size"],
    [407, "a proxy wants a user and a password"],
    [401, "it wants a login of its own"],
    [403, "it forbids the call"],
    [404, "it is no Windlass server, or a proxy that does not pass every path"],
    [429, "it limits how often it may be called"],
    [504, "a proxy waited too long"],
    [400, "give --cert-file and --key-file"],
  ])(
    "HTTP %i",
    async (status, text) => {
      const { exit, stderr } = await answering({ ":status": status, ...page });
      expect(stderr).toMatch(`something between here and the server (nginx) answers ${status} with a web page: `);
      expect(stderr).toContain(text);
      expect(exit).toBe(7);
    },
    30_000,
  );

  test("a redirect, with where it leads", async () => {
    const { exit, stderr } = await answering({ ":status": 302, location: "https://login.test/x" });
    expect(stderr).toContain("answers 302: it redirects to https://login.test/x");
    expect(exit).toBe(7);
  });

  test("a web page", async () => {
    const { exit, stderr } = await answering({ ":status": 200, ...page }, "<html>");
    expect(stderr).toContain("answers 200 with a web page: the network may want a login in a browser first");
    expect(exit).toBe(7);
  });
});

test("a port that speaks HTTP/1.1, and one that hangs up, are told and end nothing else", async () => {
  const answers = ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x46", ""];
  for (const answer of answers) {
    const stranger = createNetServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(answer, "latin1"));
    });
    const port = await listening(stranger);
    const { exit, stderr } = await pools({ WINDLASS_ADDRESS: `http://127.0.0.1:${port}` });
    expect(stderr).toContain(`http://127.0.0.1:${port} does not speak HTTP/2 in plain text: it may want TLS`);
    expect(stderr).toContain(`export WINDLASS_ADDRESS=https://127.0.0.1:${port}`);
    expect(exit).toBe(7);
  }
});
