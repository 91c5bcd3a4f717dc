import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostileName, hostileNumber, jsonText } from "../../../test/support/json.ts";
import { type Json, JsonMistake, type JsonObject, readJson } from "./json.ts";
import { exactNumber, sameJson, writeJson } from "./text.ts";

test("what is read and written again is the same text: digits, names and their order", () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      expect(writeJson(readJson(text))).toBe(text);
      expect(sameJson(readJson(text), readJson(text))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

const asFloats = (text: string): unknown => {
  try {
    return { read: JSON.parse(text) };
  } catch {
    return "refused";
  }
};

const asTexts = (text: string): unknown => {
  try {
    return { read: JSON.parse(writeJson(readJson(text))) };
  } catch (error) {
    if (error instanceof JsonMistake) return "refused";
    throw error;
  }
};

describe("it takes what JSON.parse takes, and nothing else", () => {
  test("whatever was changed in a text", () => {
    const piece = fc.constantFrom(
      ...'{}[]",:\\u0e+-.ntf \n\t\0\u00a0\ufeff\u2028',
      "null",
      "true",
      "\\ud800",
      "1.",
      ".5",
      "01",
      "1e",
    );
    fc.assert(
      fc.property(jsonText, fc.nat(), fc.nat(2), piece, (text, place, cut, added) => {
        const at = place % (text.length + 1);
        const changed = text.slice(0, at) + added + text.slice(at + cut);
        expect(asTexts(changed)).toEqual(asFloats(changed));
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ...[
      "",
      " ",
      "1 2",
      "[1,]",
      '{"a":1,}',
      "[",
      '{"a"',
      '"a',
      '"\\x"',
      '"\\u12"',
      "+1",
      "1.",
      "-",
      "tru",
      "nul",
      "\u00a01",
      '"a\nb"',
    ],
    ...[
      "[1 2]",
      '{"a" 1}',
      "{1:2}",
      "]",
      '{"a":1]',
      "[1}",
      "NaN",
      "Infinity",
      "0x10",
      "1_0",
      "'a'",
      "//a",
      '"\\',
      '"\\"',
    ],
  ])("%j is refused", (text) => {
    expect(asFloats(text)).toBe("refused");
    expect(() => readJson(text)).toThrow(JsonMistake);
  });
});

test("a mistake is told by its place, and quotes nothing", () => {
  const read = () => readJson('{"password": hunter2}');
  expect(read).toThrow("an unexpected character at position 13");
});

test("the last of several values of a key counts, as for terraform, or none is taken", () => {
  expect(writeJson(readJson('{"a":1,"b":2,"a":3}'))).toBe('{"a":3,"b":2}');
  expect(() => readJson('{"a":{"b":1,\n"b":2}}', { refusesTwins: true })).toThrow(JsonMistake);
});

test("objects of any size and of any number of shapes hold what was written last, in order", () => {
  const key = fc.oneof(hostileName, fc.nat(60).map(String));
  fc.assert(
    fc.property(fc.array(fc.tuple(key, hostileNumber), { maxLength: 100 }), (items) => {
      const text = `{${items.map(([name, number]) => `${JSON.stringify(name)}:[${number}]`).join(",")}}`;
      const [object, again] = readJson(`[${text},${text}]`) as readonly JsonObject[];
      for (const read of [object, again].filter((one) => one !== undefined)) {
        const expected = new Map(items);
        expect([...read.keys()]).toEqual([...expected.keys()]);
        expect([...read].map(([name, value]) => [name, writeJson(value)])).toEqual(
          [...expected].map(([name, number]) => [name, `[${number}]`]),
        );
        expect([...expected.keys()].every((name) => read.has(name) && read.get(name) !== undefined)).toBe(true);
        expect([read.size, read.get("nobody"), read.has("nobody")]).toEqual([expected.size, undefined, false]);
      }
    }),
  );
  const many = `[${Array.from({ length: 6_000 }, (_, index) => `{"a":1,"k${index}":{"b":2,"k${index}":3}}`).join(",")}]`;
  expect(writeJson(readJson(many))).toBe(many);
});

test("no depth is too deep to be read", () => {
  let value: Json | undefined = readJson("[".repeat(300_000) + "]".repeat(300_000));
  for (let depth = 1; depth < 300_000; depth += 1) value = (value as readonly Json[])[0];
  expect(value).toEqual([]);
});

test("with an indent it looks as JSON.stringify lays it out", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(writeJson(readJson(text), 2)).toBe(JSON.stringify(JSON.parse(text), undefined, 2));
    }),
  );
});

describe("numbers are the same when they say the same", () => {
  test.each<readonly [string, readonly string[]]>([
    ["1e5", ["1E5", "100000", "100000.0", "1e+05", "0.1e6"]],
    ["0", ["0", "-0", "0.0", "0e99999999999999999999"]],
    ["9007199254740993e0", ["9007199254740993", "9007199254740993.000", "900719925474099.3e1"]],
    ["-15e-1", ["-1.5", "-1.50", "-15e-1", "-0.15E1"]],
    ["1e100000000000000000000", ["1e100000000000000000000", "10e99999999999999999999"]],
  ])("%s", (exact, written) => {
    expect(written.map(exactNumber)).toEqual(written.map(() => exact));
  });

  test("an exponent of a million digits costs nothing", () => {
    const endless = `1e${"9".repeat(1_000_000)}`;
    expect(exactNumber(endless) === endless).toBe(true);
    expect(sameJson(readJson(endless), readJson(`1${endless}`))).toBe(false);
  });

  test("and no others are", () => {
    expect(sameJson(readJson("9007199254740993"), readJson("9007199254740992"))).toBe(false);
    expect(sameJson(readJson("1"), readJson('"1"'))).toBe(false);
    expect(["", "0x10", "1_000", "Infinity", "1e", "e1", "--1"].map(exactNumber)).toEqual(Array(7).fill(undefined));
  });
});
