import fc from "fast-check";
import { expect, test } from "vitest";
import { grpcMessage, percentEncoded } from "./grpc-message.ts";

/** As the specification tells receivers to decode. */
const decoded = (value: string): string =>
  Buffer.concat(
    [...value.matchAll(/%([0-9A-Fa-f]{2})|[^%]+/g)].map(([text, hex]) =>
      hex === undefined ? Buffer.from(text) : Buffer.from(hex, "hex"),
    ),
  ).toString("utf8");

const character = fc
  .oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0, max: 0x10ffff }))
  .filter((code) => code < 0xd800 || code > 0xdfff);
const anyText = fc.array(character).map((codes) => String.fromCodePoint(...codes));

test("any text comes back, and its value is printable ASCII that a header keeps", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const value = percentEncoded(text);
      expect(value).toMatch(/^[\x20-\x7e]*$/);
      expect(decoded(new Headers({ "grpc-message": value }).get("grpc-message") ?? "")).toBe(text);
    }),
  );
});

test("only what must be is encoded", () => {
  const plain = 'name: expected 2 to 63 letters, got "a" (100/200) [x] <y> {z} \\ ^ ` | ~ + = & ? @ # $ ;';
  expect(percentEncoded(plain)).toBe(plain);
  expect(percentEncoded("100 % ü\n☂")).toBe("100 %25 %C3%BC%0A%E2%98%82");
  expect(percentEncoded(" a b ")).toBe("%20a b%20");
  expect(percentEncoded("half \ud83d")).toBe("half %EF%BF%BD");
});

test.each([["Ж"], ["☂"], ["🚀"], ["%"], ["x"]])("a long text of %s is cut between two characters", (one) => {
  for (let before = 0; before < 12; before++) {
    const value = grpcMessage("x".repeat(before) + one.repeat(3_000));
    expect(value.length).toBeLessThan(2_020);
    const text = decoded(value);
    expect(text).toBe(`${"x".repeat(before)}${one.repeat((text.length - before - 1) / one.length)}…`);
  }
});
