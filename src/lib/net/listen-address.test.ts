import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listenAddress, listenAddressOrOff } from "./listen-address.ts";

describe("an address to listen on", () => {
  test.each([
    ["127.0.0.1:7070", "127.0.0.1", 7070],
    ["0.0.0.0:0", "0.0.0.0", 0],
    ["localhost:65535", "localhost", 65_535],
    ["[::]:7070", "::", 7070],
    ["[::1]:1", "::1", 1],
    ["[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80],
  ])("%s", (text, host, port) => {
    expect(listenAddress().read(text)).toEqual({ host, port });
    expect(listenAddressOrOff().read(text)).toEqual({ host, port });
  });

  test.each([
    ...["", ":7070", "127.0.0.1", "127.0.0.1:", "::1:7070", "[::1]", "[]:1", "[zz]:1", "a b:1"],
    ...["localhost:65536", "localhost:100000", "localhost:-1", "localhost:1.5", "localhost:http", "OFF", "http://a:1"],
  ])("is not %j", (text) => {
    expect(listenAddress().read(text)).toBeUndefined();
    expect(listenAddressOrOff().read(text)).toBeUndefined();
  });

  test("can be none, where that makes sense", () => {
    expect([listenAddress().read("off"), listenAddressOrOff().read("off")]).toEqual([undefined, null]);
    expect(listenAddressOrOff().write(null)).toBe("off");
  });

  const address = fc.record({
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("localhost", "tf.example.com")),
    port: fc.integer({ min: 0, max: 65_535 }),
  });

  test.each([listenAddress(), listenAddressOrOff()])("is written as it is read: $expected", (schema) => {
    fc.assert(
      fc.property(address, (one) => {
        expect(schema.read(schema.write(one))).toEqual(one);
      }),
    );
  });
});
