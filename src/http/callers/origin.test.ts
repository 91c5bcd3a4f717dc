import { describe, expect, test } from "vitest";
import { type Networks, noNetworks } from "../../lib/net/networks.ts";
import { asPublished, originOf } from "./origin.ts";

const proxy: Networks = { ...noNetworks, has: (address) => address === "10.0.0.1" };
const seen = (headers: Readonly<Record<string, string | readonly string[]>>, more = {}) => ({
  ...{ peer: "10.0.0.1", headers, isSecure: false, pathPrefix: "" },
  ...more,
});

describe("how a caller reaches the server", () => {
  test.each([
    ["by what it asks for", { host: "w.example.com:8443" }, {}, "http://w.example.com:8443"],
    ["over TLS", { host: "w.example.com" }, { isSecure: true }, "https://w.example.com"],
    ["over HTTP/2", { ":authority": "w.example.com", host: "other" }, { isSecure: true }, "https://w.example.com"],
    ["by an address", { host: "[::1]:7070" }, {}, "http://[::1]:7070"],
    ["through a proxy that ends TLS", { host: "inner", "x-forwarded-proto": "https" }, {}, "https://inner"],
    [
      "through one that says for which host",
      { host: "inner:7070", "x-forwarded-proto": "https", "x-forwarded-host": "w.example.com" },
      {},
      "https://w.example.com",
    ],
    [
      "through one that speaks RFC 7239",
      { host: "inner", forwarded: 'for=1.2.3.4;proto="https"' },
      {},
      "https://inner",
    ],
    [
      "through several, of which the nearest is believed",
      { host: "inner", "x-forwarded-proto": "http, https", "x-forwarded-host": "a.example.com, b.example.com" },
      {},
      "https://b.example.com",
    ],
    ["below a path", { host: "w.example.com" }, { pathPrefix: "/windlass" }, "http://w.example.com/windlass"],
    ["without a host", {}, {}, "http://localhost"],
  ])("%s", (_how, headers, more, origin) => {
    expect(originOf(seen(headers, more), proxy)).toBe(origin);
  });

  test.each([
    ["a scheme that is none", { host: "inner", "x-forwarded-proto": "javascript" }],
    ["an empty one", { host: "inner", "x-forwarded-proto": "" }],
    ["a host that is none", { host: "inner", "x-forwarded-host": "a b" }],
  ])("%s does not count", (_what, headers) => {
    expect(originOf(seen(headers), proxy)).toBe("http://inner");
  });

  test("nobody else than a trusted proxy is believed", () => {
    const headers = { host: "inner", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example.com" };
    expect(originOf(seen(headers, { peer: "10.0.0.2" }), proxy)).toBe("http://inner");
    expect(originOf(seen(headers, { peer: "::ffff:10.0.0.1" }), proxy)).toBe("https://evil.example.com");
  });

  test("a path in the host is cut off: it names no server", () => {
    expect(originOf(seen({ host: "inner", "x-forwarded-host": "w.example.com/evil?x" }), proxy)).toBe(
      "http://w.example.com",
    );
  });
});

describe("behind a proxy that says nothing of TLS", () => {
  const publicUrl = "https://w.example.com";
  test.each([
    ["the host of --public-url has its scheme", "http://w.example.com", publicUrl],
    ["with the port that is meant anyway, too", "http://w.example.com:443", publicUrl],
    ["what is below a path stays there", "http://w.example.com/windlass", `${publicUrl}/windlass`],
    ["another host is reached as it was", "http://10.0.0.1:7070", "http://10.0.0.1:7070"],
    ["another port is another server", "http://w.example.com:8080", "http://w.example.com:8080"],
  ])("%s", (_rule, origin, published) => {
    expect(asPublished(origin, publicUrl)).toBe(published);
    expect(asPublished(origin, undefined)).toBe(origin);
  });

  test("nobody who came over TLS is led away from it", () => {
    expect(asPublished("https://w.example.com", "http://w.example.com")).toBe("https://w.example.com");
    expect(asPublished("https://w.example.com", publicUrl)).toBe(publicUrl);
  });

  test("a port of its own is part of it", () => {
    expect(asPublished("http://w.example.com:17443", "https://w.example.com:17443")).toBe(
      "https://w.example.com:17443",
    );
    expect(asPublished("http://w.example.com", "https://w.example.com:17443")).toBe("http://w.example.com");
  });
});
