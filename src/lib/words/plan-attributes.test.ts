import { describe, expect, test } from "vitest";
import { exact } from "../../../test/support/json.ts";
import { readJson } from "../json/json.ts";
import { attributeChanges, wholeChange } from "./plan-attributes.ts";

interface Sides {
  readonly before?: unknown;
  readonly after?: unknown;
  readonly unknown?: unknown;
  readonly replacePaths?: unknown;
}

/** One line for each attribute: `path: before -> after`, with marks. */
const linesOf = ({ before = null, after = null, unknown = false, replacePaths }: Sides): readonly string[] =>
  attributeChanges(
    { before: exact(before), after: exact(after), unknown: exact(unknown) },
    replacePaths === undefined ? undefined : exact(replacePaths),
  ).map(({ path, beforeJson, afterJson, isUnknown, isSensitive, forcesReplacement }) =>
    [
      `${path}: ${beforeJson} -> ${isUnknown ? "?" : afterJson}`,
      isSensitive ? "sensitive" : "",
      forcesReplacement ? "replaces" : "",
    ]
      .filter((part) => part !== "")
      .join(" "),
  );

const secret = { masked: true };
const newSecret = { masked: true, changed: true };

describe("the attributes of a change", () => {
  test.each<readonly [string, Sides, readonly string[]]>([
    ["nothing", { before: { a: 1 }, after: { a: 1 } }, []],
    ["a scalar", { before: { a: 1, b: "x" }, after: { a: 2, b: "x" } }, ["a: 1 -> 2"]],
    ["creation: all that has a value", { after: { a: "x", b: null, c: {} } }, ['a:  -> "x"', "c:  -> {}"]],
    ["destruction", { before: { a: "x", t: { n: 1 } } }, ['a: "x" -> ', "t.n: 1 -> "]],
    [
      "maps and lists by their path",
      {
        before: { tags: { Name: "a", "b.c": "1" }, ports: [80, 81] },
        after: { tags: { Name: "b", "b.c": "2" }, ports: [80] },
      },
      ["ports[1]: 81 -> ", 'tags.Name: "a" -> "b"', 'tags["b.c"]: "1" -> "2"'],
    ],
    [
      "what is known after the apply",
      { before: { id: "1", n: { a: 1 } }, after: { n: {} }, unknown: { id: true, n: { a: true } } },
      ['id: "1" -> ?', "n.a: 1 -> ?"],
    ],
    ["a whole list that is not known", { before: { l: [1] }, after: {}, unknown: { l: true } }, ["l: [1] -> ?"]],
    ["a secret that stays", { before: { p: secret }, after: { p: secret } }, []],
    ["a secret that changes", { before: { p: newSecret }, after: { p: newSecret } }, ["p:  ->  sensitive"]],
    ["a new secret", { after: { p: newSecret } }, ["p:  ->  sensitive"]],
    [
      "a secret that will be another",
      { before: { p: secret }, after: {}, unknown: { p: true } },
      ["p:  -> ? sensitive"],
    ],
    ["another type", { before: { a: "1" }, after: { a: { b: 1 } } }, ['a: "1" -> {"b":1}']],
    ["an empty map that becomes none", { before: { a: {} }, after: { a: null } }, ["a: {} -> "]],
    [
      "what forces a replacement, and its parts",
      { before: { a: { b: 1 }, c: 1 }, after: { a: { b: 2 }, c: 2 }, replacePaths: [["a"]] },
      ["a.b: 1 -> 2 replaces", "c: 1 -> 2"],
    ],
  ])("%s", (_name, sides, lines) => {
    expect(linesOf(sides)).toEqual(lines);
  });

  test("a long value is cut, and is JSON all the same", () => {
    const [change] = attributeChanges(
      { before: null, after: exact({ a: "x".repeat(10_000) }), unknown: false },
      undefined,
    );
    expect(JSON.parse(change?.afterJson ?? "")).toBe(`${"x".repeat(256)}… (10002 characters)`);
  });
});

describe("numbers and names as they are written", () => {
  test.each([
    ['{"n":9007199254740993}', '{"n":9007199254740992}', "n", ["9007199254740993", "9007199254740992"]],
    ['{"n":1e400}', '{"n":1e401}', "n", ["1e400", "1e401"]],
    ['{"n":{"10":1.0,"9":2}}', "{}", 'n["10"]', ["1.0", ""]],
    ['{"__proto__":1}', '{"__proto__":2}', "__proto__", ["1", "2"]],
    ["{}", '{"n":{"toString":1E5}}', "n.toString", ["", "1E5"]],
  ])("%s to %s", (before, after, path, sides) => {
    const [change] = attributeChanges({ before: readJson(before), after: readJson(after), unknown: false }, undefined);
    expect(change).toMatchObject({ path, beforeJson: sides[0], afterJson: sides[1] });
  });

  test("a change far inside of a long value is one", () => {
    const [before, after] = ["a", "b"].map((end) => exact({ text: "x".repeat(10_000) + end }));
    expect(attributeChanges({ before, after, unknown: false }, undefined)).toHaveLength(1);
  });

  test("an index forces a replacement where its path says so", () => {
    const sides = { before: exact({ l: [1, 1] }), after: exact({ l: [2, 2] }), unknown: false };
    const changes = attributeChanges(sides, exact([["l", 1]]));
    expect(changes.map(({ forcesReplacement }) => forcesReplacement)).toEqual([false, true]);
  });
});

describe("a change of one value as a whole", () => {
  test("shows both sides", () => {
    expect(wholeChange({ before: exact([1]), after: exact({ a: 2 }), unknown: false })).toMatchObject({
      beforeJson: "[1]",
      afterJson: '{"a":2}',
      isUnknown: false,
    });
  });

  test("shows nothing of a value that holds a secret anywhere", () => {
    const change = wholeChange({ before: null, after: exact({ a: { b: [{ masked: true }] } }), unknown: false });
    expect(change).toMatchObject({ beforeJson: "", afterJson: "", isSensitive: true });
  });

  test("is unknown if any part of it is", () => {
    const change = wholeChange({ before: null, after: exact({ a: null }), unknown: exact({ a: true }) });
    expect(change).toMatchObject({ afterJson: "", isUnknown: true });
  });
});
