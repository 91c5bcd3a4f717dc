import { describe, expect, test } from "vitest";
import { networksOf, noNetworks } from "../../lib/net/networks.ts";
import { callerAddress, type ForwardedHeader } from "./forwarded.ts";

const proxies = networksOf(["10.0.0.0/8", "fd00::/8", "127.0.0.1"]) ?? noNetworks;

const address = (headers: Readonly<Record<string, string>>, peer = "10.0.0.1", header: ForwardedHeader = "auto") =>
  callerAddress({ peer, headers }, { proxies, header });
const listed = (text: string, peer?: string) => address({ "x-forwarded-for": text }, peer);
const described = (text: string, peer?: string) => address({ forwarded: text }, peer);

describe("X-Forwarded-For", () => {
  test.each([
    ["of one proxy", "192.0.2.7", "192.0.2.7"],
    ["is read from its end: what the caller wrote stands before", "1.1.1.1, 192.0.2.7", "192.0.2.7"],
    ["passes over trusted proxies", "192.0.2.7, 10.1.1.1, fd00::2", "192.0.2.7"],
    ["ends at the first hop that is not trusted", "10.9.9.9, 192.0.2.7, 10.1.1.1", "192.0.2.7"],
    ["of trusted hops alone is the first of them", "10.3.3.3,10.2.2.2", "10.3.3.3"],
    ["may have ports", "192.0.2.7:4711", "192.0.2.7"],
    ["has IPv6 addresses bare", "2001:db8::7", "2001:db8::7"],
    ["has IPv6 addresses in brackets", "[2001:db8::7]:4711", "2001:db8::7"],
    ["shows an IPv4 address as one", "::ffff:192.0.2.7", "192.0.2.7"],
    ["that names nobody leaves the proxy", "unknown", "10.0.0.1"],
    ["with rubbish leaves the proxy that wrote it", "192.0.2.7, <script>, 10.1.1.1", "10.1.1.1"],
    ["that is empty leaves the proxy", " , ", "10.0.0.1"],
  ])("%s", (_, text, expected) => {
    expect(listed(text)).toBe(expected);
  });

  test("is believed from nobody but trusted proxies", () => {
    expect(listed("10.0.0.5", "192.0.2.66")).toBe("192.0.2.66");
    expect(listed("1.1.1.1, 192.0.2.7", "::ffff:10.0.0.1")).toBe("192.0.2.7");
    expect(
      callerAddress(
        { peer: "10.0.0.1", headers: { "x-forwarded-for": "1.1.1.1" } },
        { proxies: noNetworks, header: "auto" },
      ),
    ).toBe("10.0.0.1");
  });

  test("is not followed through any number of proxies", () => {
    expect(listed(Array.from({ length: 5_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`).join(","))).toMatch(/^10\./);
    expect(listed(`192.0.2.7${",10.0.0.2".repeat(40)}`)).toBe("10.0.0.2");
  });
});

describe("Forwarded", () => {
  test.each([
    ["of one proxy", "for=192.0.2.7", "192.0.2.7"],
    ["names it in any case, beside other things", "Proto=https;FOR=192.0.2.7;by=10.0.0.1", "192.0.2.7"],
    ["is read from its end", "for=1.1.1.1, for=192.0.2.7", "192.0.2.7"],
    ["passes over trusted proxies", 'for=192.0.2.7, for=10.1.1.1, for="[fd00::2]:99"', "192.0.2.7"],
    ["quotes IPv6 addresses", 'for="[2001:db8::7]:4711"', "2001:db8::7"],
    ["may hide the port", 'for="192.0.2.7:_p"', "192.0.2.7"],
    ["may say unknown, which leaves the proxy", "for=1.1.1.1, for=unknown", "10.0.0.1"],
    ["may hide the caller, which leaves the proxy", "for=_hidden", "10.0.0.1"],
    ["may say nothing of the caller, which leaves the proxy", "for=1.1.1.1, proto=https", "10.0.0.1"],
    ["that names two is believed in neither", "for=1.1.1.1;for=192.0.2.7", "10.0.0.1"],
    ["has separators within quotes", 'for=1.1.1.1, for=192.0.2.7;host="a,b;c"', "192.0.2.7"],
    ["with a quote that a caller left open still says what the proxy adds", 'for="1.1.1.1, for=192.0.2.7', "192.0.2.7"],
    ["with such a quote before a quoted address, too", 'for="1.1.1.1, for="[2001:db8::7]"', "2001:db8::7"],
  ])("%s", (_, text, expected) => {
    expect(described(text)).toBe(expected);
  });

  test("is believed from nobody but trusted proxies", () => {
    expect(described("for=10.0.0.5", "192.0.2.66")).toBe("192.0.2.66");
  });
});

test("of two headers the one counts that the proxies write; X-Forwarded-For if nobody says which", () => {
  const both = { "x-forwarded-for": "192.0.2.7", forwarded: "for=192.0.2.8" };
  expect(address(both)).toBe("192.0.2.7");
  expect(address(both, "10.0.0.1", "x-forwarded-for")).toBe("192.0.2.7");
  expect(address(both, "10.0.0.1", "forwarded")).toBe("192.0.2.8");
  expect(address({ forwarded: "for=192.0.2.8" }, "10.0.0.1", "x-forwarded-for")).toBe("10.0.0.1");
});
