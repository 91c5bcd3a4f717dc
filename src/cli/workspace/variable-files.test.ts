// biome-ignore-all lint/suspicious/noTemplateCurlyInString: in these files they are templates

import { describe, expect, test } from "vitest";
import { envLine, formOf, readVariables } from "./variable-files.ts";

test.each([
  ["a.tfvars", "tfvars"],
  ["x/b.auto.tfvars", "tfvars"],
  ["c.auto.tfvars.json", "json"],
  [".env", "env"],
  ["dir/prod.env", "env"],
  [".env.local", "env"],
  ["vars.json", undefined],
  ["-", undefined],
])("the form of %s is %s", (path, form) => expect(formOf(path)).toBe(form));

const told = (form: Parameters<typeof readVariables>[0], text: string) =>
  readVariables(form, text, "FILE").map(({ key, value, isHcl, isEnvironment }) => [
    key,
    value,
    ...(isHcl ? ["hcl"] : []),
    ...(isEnvironment ? ["env"] : []),
  ]);

describe("variables are read", () => {
  test("from .tfvars: plain strings as they are, everything else as HCL", () => {
    expect(told("tfvars", 'a = "x${1}"\nb = "y\\n"\nc = [1]\nd = true\n')).toEqual([
      ["a", '"x${1}"', "hcl"],
      ["b", "y\n"],
      ["c", "[1]", "hcl"],
      ["d", "true", "hcl"],
    ]);
  });

  test("from JSON: strings literally, everything else as HCL that says the same", () => {
    expect(told("json", '\ufeff{"a": "${x}", "b": ["${x}"], "c": null, "d": {"k": 1}}')).toEqual([
      ["a", "${x}"],
      ["b", '["$${x}"]', "hcl"],
      ["c", "null", "hcl"],
      ["d", '{ "k" = 1 }', "hcl"],
    ]);
  });

  test("from .tfvars.json, with every digit, name and order", () => {
    const text =
      '{"__proto__": 9007199254740993, "toString": [-0, 1E5, 1e400], "m": {"10": 1.50, "9": {"__proto__": "x"}}}';
    expect(told("json", text)).toEqual([
      ["__proto__", "9007199254740993", "hcl"],
      ["toString", "[-0, 1E5, 1e400]", "hcl"],
      ["m", '{ "10" = 1.50, "9" = { "__proto__" = "x" } }', "hcl"],
    ]);
  });

  test("from .env: quotes, export, comments, several lines", () => {
    const text = `
# comment
export A=plain value # note
B='single # $x \\n'
  C = "double\\n\\"quoted\\" $x" # note
D="two
lines"
E=
F=a#b\r
G='it'  \t
`;
    expect(told("env", text)).toEqual([
      ["A", "plain value", "env"],
      ["B", "single # $x \\n", "env"],
      ["C", 'double\n"quoted" $x', "env"],
      ["D", "two\nlines", "env"],
      ["E", "", "env"],
      ["F", "a#b", "env"],
      ["G", "it", "env"],
    ]);
  });

  test.each([
    ["tfvars", "a = 1\nb = [", "FILE:2: [ is not closed"],
    ["json", '{\n  "a": 1,\n}', /^FILE:3: this is no JSON/],
    ["json", "{\n", /^FILE:2: this is no JSON/],
    ["json", '{"a": 1,\n"b": {"c": 1,\n"c": 2}}', "FILE:3: this is no JSON: a key that stands there twice"],
    ["json", "[1]", "FILE: expected one JSON object with a property for each variable"],
    ["env", "A=1\n\nB", "FILE:3: expected a line such as NAME=value"],
    ["env", "A-B=1", "FILE:1: expected a line such as NAME=value"],
    ["env", "A=1\nA=2", "FILE:2: A is set on line 1 too"],
    ["env", 'A=1\nB="x\ny', 'FILE:2: the quote " is not closed'],
    ["env", "A='x' y", "FILE:1: something stands after the closing quote"],
  ] as const)("%s %j is refused with its line", (form, text, message) =>
    expect(() => readVariables(form, text, "FILE")).toThrow(message),
  );
});

test("what is written as .env is read back the same", () => {
  for (const value of ["plain", "", "a b", "it's", 'it\'s "$x" `y` \\ z', '$x `y` \\ "', "two\nlines", "#x"]) {
    expect(readVariables("env", `${envLine("A", value)}\n`, "FILE")).toMatchObject([{ key: "A", value }]);
  }
});
