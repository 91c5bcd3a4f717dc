import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quoted } from "../../lib/hcl/text.ts";
import { secretTexts } from "./secret-texts.ts";

const inHcl = (value: string) => secretTexts([{ value, isHcl: true }]).slice(1);
const inText = (value: string) => secretTexts([{ value, isHcl: false }]).slice(1);

describe("what is inside of a sensitive HCL value is secret too", () => {
  test.each([
    [
      "strings of a map, but not its keys",
      '{ user = "app", "password" = "hunter2-hunter2" }',
      ["app", "hunter2-hunter2"],
    ],
    ["a list", '["tok-aaaaaaaa", "tok-bbbbbbbb"]', ["tok-aaaaaaaa", "tok-bbbbbbbb"]],
    ["what escapes stand for", '"a\\"b\\nc$${d}\\u00e9"', [`a"b\nc\${d}é`]],
    ["a heredoc, line by line", "<<-EOT\n  first line\n  second\n  EOT", ["  first line\n  second"]],
    [
      "a number, as it is written and in full",
      "[9007199254740993, 1.50, 12e5]",
      ["9007199254740993", "9.007199254740993e+15", "1.50", "1.5", "12e5", "1200000", "1.2e+06"],
    ],
    ["a key that is no name", '{ "sk-live-51HxT9aZ" = 1 }', ["sk-live-51HxT9aZ", "1"]],
    ["JSON in a string", '"{\\"key\\": \\"inner-secret\\"}"', ['{"key": "inner-secret"}']],
    ["nothing of what terraform would not read", '["never closed', []],
  ])("%s", (_rule, value, expected) => {
    expect(inHcl(value)).toEqual(expected);
  });
});

describe("what is inside of a sensitive JSON document is secret too", () => {
  test("fields, however deep, and JSON in a string of it", () => {
    const inner = JSON.stringify({ token: "inner-token" });
    const document = JSON.stringify({
      type: "service_account",
      list: [{ private_key: "-----BEGIN\nabc" }],
      inner,
      port: 123456,
    });
    expect(inText(document).toSorted()).toEqual(
      ["service_account", "-----BEGIN\nabc", inner, "inner-token", "123456"].toSorted(),
    );
  });

  test("numbers keep their digits", () => {
    expect(inText('{"id": 9007199254740993, "small": 1.0e-7}')).toEqual([
      ...["9007199254740993", "9.007199254740993e+15", "1.0e-7", "0.0000001", "1e-07"],
    ]);
  });

  test("a text that only begins like JSON is one text", () => {
    expect(inText("{not json")).toEqual([]);
  });
});

test.each([
  ["12E6", ["12000000", "1.2e+07"]],
  ["0012345678", ["12345678", "1.2345678e+07"]],
  ["-0.0000125", ["-1.25e-05"]],
  ["123456.70", ["123456.7"]],
  ["1e99999", []],
  [`1${"0".repeat(3_000)}`, []],
  ["not 1e6", []],
])("a text that says a number is looked for as terraform prints the number: %j", (value, forms) => {
  expect(inText(value)).toEqual(forms);
});

test("a hostile document costs a bounded number of texts", () => {
  const many = JSON.stringify(Array.from({ length: 200_000 }, (_, index) => `value-${index}`));
  expect(inText(many).length).toBeLessThanOrEqual(10_000);
  expect(inText("[".repeat(200_000) + "]".repeat(200_000))).toEqual([]);
});

test("every string that HCL can write is found as it reads", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { maxLength: 5 }), (strings) => {
      expect(inHcl(`[${strings.map(quoted).join(", ")}]`)).toEqual(
        expect.arrayContaining([...new Set(strings)].filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(quoted(text)))),
      );
    }),
  );
});
