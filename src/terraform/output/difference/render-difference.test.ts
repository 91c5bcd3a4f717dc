import { describe, expect, test } from "vitest";
import { renderDifferenceBlock } from "./render-difference.ts";

const json = JSON.stringify;

/** The block for two values, given as JSON, without what stands before each of its lines. */
function shown(before: string, after: string, more: object = {}): string {
  const marks = json({ before_sensitive: false, after_sensitive: false, after_unknown: false, ...more });
  const difference = `{"before":${before},"after":${after},${marks.slice(1)}`;
  const block = renderDifferenceBlock(`{"type":"diagnostic","diagnostic":{"difference":${difference}}}`);
  const [rule, title, ...lines] = block.trimEnd().split("\n");
  expect([rule, title]).toEqual(["    ├────────────────", "    │ Diff: "]);
  return lines.map((line) => line.replace(/^ {4}│ {5}/, "")).join("\n");
}

/** As OpenTofu 1.12.6 shows them. */
const recorded: readonly (readonly [string, string, string])[] = [
  ['"x"', '"never"', '"x" -> "never"'],
  ["9007199254740993", "9007199254740992", "9007199254740993 -> 9007199254740992"],
  ["1", '"1"', '1 -> "1"'],
  ["1", "null", "1 -> null"],
  ["null", '"a\\tb\\u0007\\u200b"', String.raw`"a\tb\a\u200b"`],
  ["[]", "null", "[] -> null"],
  ['{"a":1}', "[]", "{\n  - a = 1\n} -> []"],
  [
    '[1,2,3,4,5,{"a":1,"b":2},"z"]',
    '[1,2,4,5,{"a":1,"b":3},"z","y"]',
    '[\n    # (1 unchanged element hidden)\n    2,\n  - 3,\n    4,\n    5,\n  ~ {\n      ~ b = 2 -> 3\n        # (1 unchanged attribute hidden)\n    },\n    "z",\n  + "y",\n]',
  ],
  [
    '{"name":"x","same":1,"odd key":null,"ü":3,"tags":{"a":1}}',
    '{"name":"x","same":1,"odd key":[],"more":"y","tags":{"a":1}}',
    '{\n  + more      = "y"\n    name      = "x"\n  ~ "odd key" = null -> []\n    tags      = {\n        a = 1\n    }\n  - ü         = 3\n    # (1 unchanged attribute hidden)\n}',
  ],
  [json("a\nb\nc"), json("  one\nb\tx \nc\n"), "<<-EOT\n  - a\n  - b\n  + one\n  + b\tx \n    c\nEOT"],
  ['["l1\\nl2"]', '["l1\\nl3"]', "[\n  ~ <<-EOT\n        l1\n      - l2\n      + l3\n    EOT,\n]"],
  [
    json('{"a":[1,2]}'),
    json('{"a":[1,3]}'),
    "jsonencode(\n  ~ {\n      ~ a = [\n            1,\n          - 2,\n          + 3,\n        ]\n    }\n)",
  ],
  [json("[1, 2]"), json("[1,2] and"), "jsonencode( # whitespace changes\n    [\n        1,\n        2,\n    ]\n)"],
  [json("{}"), json(" lead\n "), "jsonencode({}) -> <<-EOT\n    lead\nEOT"],
  [json("{ no"), json("[1"), '"{ no" -> "[1"'],
];

describe("the difference of a comparison is shown as OpenTofu shows it", () => {
  test.each(recorded)("%s and %s", (before, after, expected) => {
    expect(shown(before, after)).toBe(expected);
  });

  test("no value that is secret on a side is in it", () => {
    expect(shown('"hunter2"', '"x"', { before_sensitive: true })).toBe("(sensitive value)");
    expect(shown('"hunter2"', "null", { before_sensitive: true })).toBe("(sensitive value) -> null");
    const marks = { before_sensitive: { p: true, r: [false, true] }, after_sensitive: { q: true } };
    expect(shown('{"p":"hunter2","q":1,"r":[1,"two"]}', '{"p":"other","q":1,"r":[2,"two"]}', marks)).toBe(
      [
        "{",
        "  # Warning: this attribute value will no longer be marked as sensitive",
        "  # after applying this change.",
        "  ~ p = (sensitive value)",
        "  # Warning: this attribute value will be marked as sensitive and will not",
        "  # display in UI output after applying this change. The value is unchanged.",
        "  ~ q = (sensitive value)",
        "  ~ r = [",
        "      - 1,",
        "      + 2,",
        "      # Warning: this attribute value will no longer be marked as sensitive",
        "      # after applying this change. The value is unchanged.",
        "      ~ (sensitive value),",
        "    ]",
        "}",
      ].join("\n"),
    );
  });

  test("what is not known yet is said to be", () => {
    expect(shown('"x"', "null", { after_unknown: true })).toBe('"x" -> (known after apply)');
    expect(shown('{"a":1}', "{}", { after_unknown: { a: true, b: true } })).toBe(
      "{\n  ~ a = 1 -> (known after apply)\n  + b = (known after apply)\n}",
    );
  });

  test("one that nobody could read is left out, in a moment", () => {
    const tooLarge = "(it is too large to be shown here)";
    const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    const list = (item: string, count: number): string => `[${Array(count).fill(item).join(",")}]`;
    expect(shown("1", deep(5_000))).toBe(tooLarge);
    expect(shown(list("1", 20_000), list("2", 20_000))).toBe(tooLarge);
    expect(shown("1", json("x".repeat(300_000)))).toBe(tooLarge);
    expect(shown(json(`{${'\\"'.repeat(20_000)}`), json(`${" ".repeat(100_000)}\nx`)).length).toBeGreaterThan(20_000);
  });

  test("an event without one has no block, whatever stands there", () => {
    for (const difference of ["null", "[]", "1"])
      expect(renderDifferenceBlock(`{"diagnostic":{"difference":${difference}}}`)).toBe("");
    for (const line of ["{}", '{"diagnostic":[]}']) expect(renderDifferenceBlock(line)).toBe("");
  });
});
