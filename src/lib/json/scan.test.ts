import { expect, test } from "vitest";
import { type JsonScalar, JsonScanner, scanJson } from "./scan.ts";

const texts = [
  ...['{"a":1}', "[]", "{}", "null", "-0", "1e5", "1.50E-3", '"x"', ' { "a" : [ true , false , null ] } \n', '{"":""}'],
  ...['"\\u00e9\\n\\\\ é\\ud83d\\ude00"', "[[[[{}]]]]", '{"a":{"b":[{"c":"d"},2]},"e":3}', '{"a":1,"a":2}'],
  ...["", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", '{"a":1,}', "[,1]", '{"a"}', '{"a":}', "{1:2}", '{"a" 1}'],
  ...[
    "1 2",
    "[1 2]",
    "[1}",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "-",
    "nul",
    "nulll",
    "True",
    '"a',
    '"\\',
    '"\\x"',
    '"\\u12g4"',
  ],
  ...[
    '"\\u123"',
    '"\t"',
    "{}{}",
    "[]]",
    "'a'",
    "/**/1",
    "[1]a",
    "\u0000",
    "[\u0000]",
    "NaN",
    '{"a":1 "b":2}',
    ":",
    ",",
  ],
];

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test.each(texts)("agrees with JSON.parse, however it is split, on %j", (text) => {
  const bytes = Buffer.from(text);
  for (let size = 1; size <= Math.max(1, bytes.length); size += 1) {
    const scanner = new JsonScanner({ depth: 2, onScalar: () => {} });
    for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size));
    expect(scanner.finish()).toBe(isJson(text));
  }
});

test("tells what stands near the root, as it reads, with what leads there", async () => {
  const found: JsonScalar[] = [];
  const text = '{"s":"\\u00e9\\n","n":123456789012345678901,"__proto__":true,"o":{"k":1,"deep":{"x":2}},"l":["a",[3]]}';
  const onScalar = (scalar: JsonScalar) => void found.push({ ...scalar, path: [...scalar.path] });
  expect(await scanJson(Buffer.from(text), new JsonScanner({ depth: 2, onScalar }))).toBe(true);
  expect(found).toEqual([
    { path: ["s"], text: "é\n", isString: true },
    { path: ["n"], text: "123456789012345678901", isString: false },
    { path: ["__proto__"], text: "true", isString: false },
    { path: ["o", "k"], text: "1", isString: false },
    { path: ["l", ""], text: "a", isString: true },
  ]);
});

test("keeps no more of a text than it was told to", async () => {
  const found: string[] = [];
  const scanner = new JsonScanner({ depth: 1, maxText: 5, onScalar: ({ text }) => void found.push(text) });
  expect(await scanJson(Buffer.from(`{"a":"${"x".repeat(1_000_000)}","b":"y"}`), scanner)).toBe(true);
  expect(found).toEqual(["xxxxx", "y"]);
});
