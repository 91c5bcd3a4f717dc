import { once } from "node:events";
import { createServer as createHttp2Server, createSecureServer } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { privatelySigned, selfSigned } from "../../../test/support/certificate.ts";
import { ForwardProxyServer } from "../../../test/support/forward-proxy.ts";
import { systemClock } from "../clock.ts";
import type { Environment } from "../environment.ts";
import { dial } from "./dial.ts";
import { type ClientTls, wayTo } from "./way.ts";
import { WayError } from "./way-error.ts";

let held: AsyncDisposableStack;
beforeEach(() => {
  held = new AsyncDisposableStack();
});
afterEach(() => held.disposeAsync());

const name = "tf.windlass.test";
const now = systemClock.now();
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);
const signed = privatelySigned(now, { names: [name] });

/** Listens on loopback, and cuts whatever is open at the end. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  held.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

const tlsServer = (options: TlsOptions) => {
  const server = createTlsServer(options);
  server.on("tlsClientError", () => {});
  server.on("secureConnection", (socket) => socket.on("error", () => {}));
  return listening(server);
};
const http2Server = () => listening(createSecureServer({ cert: signed.cert, key: signed.key }) as unknown as Server);

interface Going {
  readonly tls?: ClientTls;
  readonly environment?: Environment;
  readonly stepMs?: number;
}

/** Where a connection got to, or why not. */
async function go(url: string, { tls = { ca: signed.ca }, environment = {}, stepMs = 5_000 }: Going = {}) {
  const stop = new AbortController();
  try {
    const { socket } = await dial(wayTo(url, { tls, environment, stepMs }), stop.signal);
    held.defer(() => void socket.destroy());
    return socket instanceof TLSSocket ? `TLS ${socket.alpnProtocol}` : "plain";
  } catch (error) {
    if (!(error instanceof WayError)) throw error;
    return `${error.fault.step} ${error.fault.kind}: ${error.message}`;
  }
}

async function proxied(rules: Parameters<typeof ForwardProxyServer.start>[0], port: number) {
  const proxy = held.use(
    await ForwardProxyServer.start({ places: { [`${name}:443`]: `127.0.0.1:${port}` }, ...rules }),
  );
  return { proxy, environment: { https_proxy: proxy.url } };
}

describe("through a forward proxy", () => {
  test("TLS is spoken with the server, whose name only the proxy knows", async () => {
    const { proxy, environment } = await proxied({}, await http2Server());
    expect(await go(`https://${name}`, { environment })).toBe("TLS h2");
    expect(proxy.asked).toEqual([`${name}:443`]);
  });

  test("what the environment excepts does not ask it", async () => {
    const { proxy, environment } = await proxied({}, await http2Server());
    expect(await go(`https://${name}`, { environment: { ...environment, NO_PROXY: ".windlass.test" } })).toMatch(
      /^address unknown_name: the name in https:\/\/tf.windlass.test cannot be resolved/,
    );
    expect(proxy.asked).toEqual([]);
  });

  test("user and password are those of the variable, decoded", async () => {
    const { proxy } = await proxied({ credentials: "me:p@ss:%" }, await http2Server());
    const at = (user: string) => ({ https_proxy: proxy.url.replace("://", `://${user}`) });
    expect(await go(`https://${name}`, { environment: at("me:p%40ss%3A%25@") })).toBe("TLS h2");
    expect(await go(`https://${name}`, { environment: at("me:wrong@") })).toBe(
      `proxy proxy_credentials: the proxy ${proxy.url} (https_proxy) does not accept the user and the password of https_proxy (HTTP 407): ` +
        `check them in https_proxy=http://USER:PASSWORD@127.0.0.1:${proxy.port}; special characters as in %40`,
    );
    expect(await go(`https://${name}`, { environment: at("") })).toBe(
      `proxy proxy_credentials: the proxy ${proxy.url} (https_proxy) wants a user and a password (HTTP 407): ` +
        `https_proxy=http://USER:PASSWORD@127.0.0.1:${proxy.port}`,
    );
  });

  test("TLS to the proxy itself is judged by the same authorities", async () => {
    const own = privatelySigned(now, { issuer: "the authority of the proxy" });
    const { environment } = await proxied({ tls: own }, await http2Server());
    expect(await go(`https://${name}`, { environment, tls: { ca: signed.ca + own.ca } })).toBe("TLS h2");
    expect(await go(`https://${name}`, { environment })).toMatch(
      /^proxy untrusted: the certificate of the proxy https:.* \(https_proxy\) is signed by an authority that is not trusted here: CN=the authority of the proxy/,
    );
  });

  test.each([
    [403, [], `does not allow CONNECT to ${name}:443 (HTTP 403): let it allow this host and port`],
    [503, ["X-Squid-Error: ERR_DNS_FAIL 0"], `cannot reach ${name}:443 (HTTP 503, ERR_DNS_FAIL): check`],
    [502, [], `cannot reach ${name}:443 (HTTP 502): check`],
    [405, [], "opens no tunnels (HTTP 405): is it a forward proxy"],
    [418, [], `opens no tunnel to ${name}:443 (HTTP 418): see the log`],
    [
      407,
      ["Proxy-Authenticate: Negotiate", "Proxy-Authenticate: NTLM"],
      "wants a log-in by negotiate or ntlm (HTTP 407): only user",
    ],
    [401, ['WWW-Authenticate: Basic realm="x"'], "wants a user and a password (HTTP 401): https_proxy=http://USER"],
  ])("its answer %i is told", async (status, headers, text) => {
    const { environment } = await proxied({ refuse: () => status, headers }, 1);
    expect(await go(`https://${name}`, { environment })).toContain(text);
  });

  test("one that is not there, closes, says nothing or speaks no HTTP is told", async () => {
    const gone = createServer();
    const port = await listening(gone);
    await new Promise((resolve) => gone.close(resolve));
    const via = (https_proxy: string, stepMs = 5_000) =>
      go(`https://${name}`, { environment: { https_proxy }, stepMs });
    expect(await via(`127.0.0.1:${port}`)).toBe(
      `tcp proxy_down: the proxy http://127.0.0.1:${port} (https_proxy) cannot be reached: the connection was refused: ` +
        "is it running, or should the server be excepted in no_proxy?",
    );
    expect(await via("http://proxy.windlass.test:3128")).toMatch(
      /^address proxy_down: the name in the proxy http:\/\/proxy.windlass.test:3128 \(https_proxy\) cannot be resolved/,
    );
    const { proxy: closes } = await proxied({ mood: "closes" }, 1);
    expect(await via(closes.url)).toContain("proxy proxy_foreign: the proxy http://127.0.0.1:");
    expect(await via(closes.url)).toContain("closes the connection without an answer");
    const { proxy: mute } = await proxied({ mood: "mute" }, 1);
    expect(await via(mute.url, 100)).toContain(`opens no tunnel to ${name}:443 within 0.1 s`);
    const strange = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    expect(await via(`127.0.0.1:${await listening(strange)}`)).toContain("speaks no HTTP: is the port right");
    const alert = createServer((socket) => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 10])));
    expect(await via(`127.0.0.1:${await listening(alert)}`)).toContain(
      "speaks no HTTP: it speaks TLS: name it as https://",
    );
  });

  test("a variable that names none that can be used is told", async () => {
    expect(await go(`https://${name}`, { environment: { all_proxy: "socks5://p" } })).toMatch(
      /^proxy proxy_setting: all_proxy names a SOCKS proxy/,
    );
  });

  test("plain text goes through a tunnel as well", async () => {
    const { environment } = await proxied(
      { places: { [`${name}:80`]: `127.0.0.1:${await listening(createServer())}` } },
      1,
    );
    expect(await go(`http://${name}`, { environment: { http_proxy: environment.https_proxy } })).toBe("plain");
  });
});

describe("TCP", () => {
  test("a port that nobody listens on is told", async () => {
    const gone = createServer();
    const port = await listening(gone);
    await new Promise((resolve) => gone.close(resolve));
    expect(await go(`http://127.0.0.1:${port}`)).toBe(
      `tcp refused: no server answers at http://127.0.0.1:${port}: the connection was refused: is the server running there?`,
    );
  });

  test("an IPv6 literal is reached, with TLS for the address", async () => {
    const server = createServer();
    await once(server.listen(0, "::1"), "listening");
    held.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    expect(await go(`http://[::1]:${(server.address() as AddressInfo).port}`)).toBe("plain");
  });

  test("a resolver, and a host, that do not answer in time are told", async () => {
    // Every wait is over before the system can answer.
    const clock = { ...systemClock, sleep: async () => {} };
    const told = (url: string) =>
      dial(wayTo(url, { clock }), new AbortController().signal).catch((error: unknown) => String(error));
    expect(await told(`https://${name}`)).toBe(
      "WayError: the resolver of this machine does not answer within 10 s: the name in https://tf.windlass.test cannot be resolved: " +
        "see /etc/resolv.conf, and whether its nameservers can be reached",
    );
    const port = await listening(createServer());
    expect(await told(`https://127.0.0.1:${port}`)).toBe(
      `WayError: https://127.0.0.1:${port} does not answer: 127.0.0.1:${port} takes no TCP connection within 10 s: ` +
        "does a firewall let this machine through, or is a proxy needed (https_proxy)?",
    );
  });

  test("an end that is asked for ends it", async () => {
    const stop = new AbortController();
    const { environment } = await proxied({ mood: "mute" }, 1);
    const going = dial(wayTo(`https://${name}`, { environment }), stop.signal);
    stop.abort(new Error("not wanted"));
    await expect(going).rejects.toThrow("not wanted");
  });
});

describe("TLS", () => {
  const server = (options: TlsOptions) => tlsServer({ ALPNProtocols: ["h2"], ...signed, ...options });
  const local = privatelySigned(now);

  test("a server that knows nothing of ALPN passes", async () => {
    const port = await tlsServer({ cert: local.cert, key: local.key });
    expect(await go(`https://127.0.0.1:${port}`, { tls: { ca: local.ca } })).toBe("TLS false");
  });

  test.each<[string, ReturnType<typeof privatelySigned>, ClientTls, string]>([
    [
      "an expired certificate",
      privatelySigned(now, { validAround: days(-10) }),
      {},
      ` expired on ${days(-9).toISOString().slice(0, 10)}`,
    ],
    [
      "one that is not valid yet",
      privatelySigned(now, { validAround: days(10) }),
      {},
      ` is not valid before ${days(9).toISOString().slice(0, 10)}`,
    ],
    [
      "one for another name",
      local,
      { serverName: "other.test" },
      " is for another name: for localhost, 127.0.0.1, not for other.test: correct the address, or give",
    ],
    [
      "an authority that is not known",
      local,
      { ca: signed.ca },
      " is signed by an authority that is not trusted here: CN=a",
    ],
    [
      "TLS inspection",
      privatelySigned(now, { issuer: "Zscaler Intermediate Root CA" }),
      { ca: signed.ca },
      "inspects TLS: it shows a certificate of its own, issued by CN=Zscaler Intermediate Root CA: except the server",
    ],
    [
      "a self-signed one",
      { ca: "", ...selfSigned(now) },
      { ca: signed.ca },
      " is self-signed and not trusted here (trusted are",
    ],
  ])("%s is told", async (_name, { ca, cert, key }, tls, text) => {
    const port = await tlsServer({ ALPNProtocols: ["h2"], cert, key });
    expect(await go(`https://127.0.0.1:${port}`, { tls: { ca, ...tls } })).toContain(text);
    expect(await go(`https://127.0.0.1:${port}`, { tls: { ca, ...tls, isInsecure: true } })).toBe("TLS h2");
  });

  test("a server without HTTP/2 is told", async () => {
    const port = await server({ ALPNProtocols: ["http/1.1"], cert: local.cert, key: local.key });
    expect(await go(`https://127.0.0.1:${port}`, { tls: { ca: local.ca } })).toBe(
      `tls no_http2: https://127.0.0.1:${port} does not offer HTTP/2 (ALPN h2): ` +
        "switch it on in the server or the proxy in front of it: nginx needs `http2`, HAProxy `alpn h2`",
    );
  });

  test("a client certificate that is wanted is told, and one that is given is shown", async () => {
    const wants = { requestCert: true, rejectUnauthorized: true, ca: signed.ca, cert: local.cert, key: local.key };
    const port = await server({ ...wants, maxVersion: "TLSv1.2" });
    const at = (tls: ClientTls) => go(`https://127.0.0.1:${port}`, { tls: { ca: local.ca, ...tls } });
    expect(await at({})).toMatch(/if it wants a client certificate, give --cert-file|wants a client certificate/);
    expect(await at({ cert: signed.cert, key: signed.key })).toBe("TLS h2");
  });

  test("a port without TLS, one that closes and one that is mute are told", async () => {
    const plain = await listening(createHttp2Server() as unknown as Server);
    expect(await go(`https://127.0.0.1:${plain}`)).toContain(
      "does not speak TLS, though its address begins with https: use http",
    );
    const closes = await listening(createServer((socket) => socket.destroy()));
    expect(await go(`https://127.0.0.1:${closes}`)).toContain(
      "closes the connection during the TLS handshake: a firewall",
    );
    const impatient = await listening(createServer((socket) => void setTimeout(() => socket.destroy(), 300)));
    expect(await go(`https://127.0.0.1:${impatient}`, { stepMs: 500 })).toContain("its TLS does not answer within 0.");
    const mute = await listening(createServer());
    expect(await go(`https://127.0.0.1:${mute}`, { stepMs: 100 })).toContain(
      "takes the connection, but its TLS does not answer within 0.1 s: a firewall that looks into TLS, a too small MTU",
    );
  });
});
