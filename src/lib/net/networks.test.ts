import { expect, test } from "vitest";
import { settingText } from "../setting-schemas.ts";
import { networks, noNetworks, plainAddress } from "./networks.ts";

const read = (text: string) => networks().read(text) ?? noNetworks;

test("addresses and networks of both families are told from others", () => {
  const some = read("10.0.0.0/8, 192.168.1.7,fd00::/8,::1");
  for (const inside of ["10.255.0.1", "::ffff:10.0.0.1", "192.168.1.7", "fd12::1", "::1"])
    expect([inside, some.has(inside)]).toEqual([inside, true]);
  for (const outside of ["11.0.0.1", "192.168.1.8", "fe80::1", "::2", "", "unknown", "10.0.0.1:80"])
    expect([outside, some.has(outside)]).toEqual([outside, false]);
  expect(settingText(networks(), some)).toBe("10.0.0.0/8,192.168.1.7,fd00::/8,::1");
});

test("0.0.0.0/0 is every IPv4 address, and no IPv6 address", () => {
  expect([read("0.0.0.0/0").has("8.8.8.8"), read("0.0.0.0/0").has("2001:db8::1")]).toEqual([true, false]);
});

test.each([
  "",
  ",",
  "10.0.0.0/33",
  "fd00::/129",
  "10.0.0",
  "proxy.example.com",
  "10.0.0.0/8/8",
  "fe80::1%eth0",
  "10.0.0.0/",
])("%j is refused, with what was expected", (text) => {
  expect(networks().read(text)).toBeUndefined();
  expect(networks().expected).toBe("addresses and networks such as 10.0.0.0/8,192.168.1.7,fd00::/8");
});

test("an IPv4 address in the form of IPv6 is shown as the former", () => {
  expect(["::ffff:10.0.0.1", "fe80::1%eth0", "::1"].map(plainAddress)).toEqual(["10.0.0.1", "fe80::1", "::1"]);
});
