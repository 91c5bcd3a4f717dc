import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { privatelySigned } from "../../../test/support/certificate.ts";
import { ForwardProxyServer } from "../../../test/support/forward-proxy.ts";
import { issuerKey, jwkOf, openIssuer } from "../../../test/support/issuer.ts";
import { publishedKeys } from "./issuer-documents.ts";

const name = "issuer.example.com";
const issuer = `https://${name}`;
const key = issuerKey("one", "ES256");
const tls = privatelySigned(new Date(), { names: [name] });
const trust = { issuer, caCertificates: tls.ca };

let server: ReturnType<typeof createServer>;
beforeEach(async () => {
  server = createServer(tls, ({ url }, response) => {
    const documents: Readonly<Record<string, object>> = {
      "/.well-known/openid-configuration": { issuer, jwks_uri: `${issuer}/keys` },
      "/keys": { keys: [jwkOf(key)] },
    };
    response.end(JSON.stringify(documents[url ?? ""] ?? {}));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
});

const place = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
const proxied = (rules: Parameters<typeof ForwardProxyServer.start>[0] = {}) =>
  ForwardProxyServer.start({ places: { [`${name}:443`]: place() }, ...rules });

describe("an issuer behind a proxy", () => {
  test.each(["HTTPS_PROXY", "https_proxy"])(
    "is asked through that of %s, and only its authority is believed",
    async (variable) => {
      await using proxy = await proxied();
      vi.stubEnv(variable, proxy.url);
      expect(await publishedKeys(trust)).toMatchObject([{ kid: "one" }]);
      expect(new Set(proxy.asked)).toEqual(new Set([`${name}:443`]));
      await expect(publishedKeys({ ...trust, caCertificates: "" })).rejects.toThrow(/certificate/);
    },
  );

  test("is asked without it where NO_PROXY says so, and then no address of this machine is one of an issuer", async () => {
    await using proxy = await proxied();
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    vi.stubEnv("NO_PROXY", "example.com");
    const here = ((_: unknown, __: unknown, answer: (error: null, found: object) => void) =>
      answer(null, [{ address: "127.0.0.1", family: 4 }])) as unknown as Parameters<typeof publishedKeys>[1];
    await expect(publishedKeys(trust, here)).rejects.toThrow(/at an address where no issuer may be/);
    expect(proxy.asked).toEqual([]);
  });

  test("whose proxy refuses is not known", async () => {
    await using proxy = await proxied({ refuse: () => 403 });
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    await expect(publishedKeys(trust)).rejects.toThrow(/403/);
  });

  test("at an address that no issuer has is not asked through it either", async () => {
    await using proxy = await proxied();
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    await expect(publishedKeys({ ...trust, issuer: "https://169.254.169.254" })).rejects.toThrow(/no issuer may be/);
    expect(proxy.asked).toEqual([]);
  });

  test("on this machine is asked directly", async () => {
    await using local = await openIssuer([key]);
    await using proxy = await proxied();
    vi.stubEnv("HTTP_PROXY", proxy.url);
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    expect(await publishedKeys({ issuer: local.url, caCertificates: "" })).toMatchObject([{ kid: "one" }]);
    expect(proxy.asked).toEqual([]);
  });
});
