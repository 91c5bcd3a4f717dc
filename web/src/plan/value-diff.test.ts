import { expect, test } from "vitest";
import { prettyJson } from "./pretty-json.ts";
import { valueDiff } from "./value-diff.ts";

const diff = (before: unknown, after: unknown, more: object = {}) =>
  valueDiff({
    beforeJson: before === undefined ? "" : JSON.stringify(before),
    afterJson: after === undefined ? "" : JSON.stringify(after),
    ...{ unknown: false, sensitive: false, tooLong: false, ...more },
  });

const lines = (shown: ReturnType<typeof diff>) =>
  shown.kind === "lines" ? shown.lines.map(({ sign, text }) => `${sign}${text}`) : shown;

test("short values are told in words", () => {
  expect(diff("a", "b")).toEqual({ kind: "words", before: '"a"', after: '"b"' });
  expect(diff(1, undefined, { unknown: true })).toEqual({ kind: "words", before: "1", after: "(known after apply)" });
  expect(diff(undefined, undefined, { sensitive: true })).toEqual({
    kind: "words",
    before: "(sensitive)",
    after: "(sensitive)",
  });
  expect(diff(undefined, undefined, { tooLong: true })).toMatchObject({
    kind: "words",
    after: expect.stringContaining("too long"),
  });
});

test("white space is shown when it is all that changes", () => {
  expect(diff("a b\n", "a  b\t")).toEqual({ kind: "words", before: "a·b⏎", after: "a··b⇥" });
});

test("texts of several lines are compared line by line, with a few lines around", () => {
  const text = (middle: string) => ["1", "2", "3", "4", "5", middle, "7", "8", "9", "10", "11"].join("\n");
  expect(lines(diff(text("six"), text("6")))).toEqual([
    " … 2 unchanged lines",
    ..." 3| 4| 5|-six|+6| 7| 8| 9".split("|"),
    " … 2 unchanged lines",
  ]);
});

test("JSON in a string is compared as what it is", () => {
  expect(lines(diff('{"a":1,"b":[2]}', '{"a":1,"b":[3]}'))).toEqual([
    " {",
    '   "a": 1,',
    '   "b": [',
    "-    2",
    "+    3",
    "   ]",
    " }",
  ]);
});

test("a map that gets its first values, and one that is not known yet", () => {
  expect(lines(diff(undefined, { a: "b" }))).toEqual(["+{", '+  "a": "b"', "+}"]);
  expect(lines(diff({ a: 1 }, undefined, { unknown: true }))).toEqual([
    "-{",
    '-  "a": 1',
    "-}",
    "+(known after apply)",
  ]);
});

test("numbers keep their digits", () => {
  expect(prettyJson('{"n":12345678901234567890.10,"e":{},"l":[ ],"s":"a,{b}:\\"c"}')).toBe(
    '{\n  "n": 12345678901234567890.10,\n  "e": {},\n  "l": [],\n  "s": "a,{b}:\\"c"\n}',
  );
});
