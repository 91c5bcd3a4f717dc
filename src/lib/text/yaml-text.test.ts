import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { yamlText } from "./yaml-text.ts";

const texts = [
  ...[
    "9007199254740993",
    "1E5",
    "1e400",
    "-0",
    "+1",
    ".5",
    "1.",
    "017",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1:30",
    "12e03",
  ],
  ...["on", "yes", "y", "null", "~", ".inf", ".nan", "2026-11-28", "<<", "__proto__", "constructor"],
];

test.each(["1.1", "1.2"] as const)("a text is read as the same text by readers of YAML %s", (version) => {
  const numberLike = fc.string({ unit: fc.constantFrom(..."0123456789.eE+-_:xob"), maxLength: 40 });
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...texts), numberLike), (text) => {
      expect(parse(yamlText([text]), { version })).toEqual([text]);
      expect(parse(yamlText(new Map([[text, text]])), { version, mapAsMap: true })).toEqual(new Map([[text, text]]));
    }),
    { numRuns: 1_000 },
  );
});
