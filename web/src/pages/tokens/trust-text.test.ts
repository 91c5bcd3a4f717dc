import { expect, test } from "vitest";
import { claimsIn, linesIn } from "./trust-text.ts";

test("lines are read without blanks around them, and without empty ones", () => {
  expect(linesIn(" a:b \r\n\n  c:*\n")).toEqual(["a:b", "c:*"]);
});

test.each<[string, string, object]>([
  ["none", "\n", { kind: "claims", claims: {} }],
  ["values with an equals sign", "a=b=c\n/x = 1 ", { kind: "claims", claims: { a: "b=c", "/x": "1" } }],
  ["no value at all", "namespace", { kind: "mistake", why: '"namespace" is no NAME=VALUE' }],
  ["no name", "=x", { kind: "mistake", why: '"=x" is no NAME=VALUE' }],
  ["one twice", "a=1\na=2", { kind: "mistake", why: '"a" stands there twice' }],
  ["a name that objects have", "__proto__=1", { kind: "claims", claims: Object.fromEntries([["__proto__", "1"]]) }],
])("claims: %s", (_, text, read) => expect(claimsIn(text)).toEqual(read));
