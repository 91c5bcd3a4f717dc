// biome-ignore-all lint/suspicious/noTemplateCurlyInString: for HCL they are templates

import { describe, expect, test } from "vitest";
import { exact } from "../../../test/support/json.ts";
import { hclOf, quoted, readHclAssignments, whyNoHclValue } from "./text.ts";

describe("a value", () => {
  test.each([
    "1",
    "-1.5e3",
    "true",
    "null",
    '"text with ${ 1 + 1 } and \\" and %{ if true }x%{ endif }"',
    '["a", "b",]',
    '{ a = 1, "b" : [true], c = { d = null } }',
    '[for x in ["a"] : upper]',
    "<<EOT\nany ( text\nEOT",
    '[ # comment "\n  1, /* ] */ 2 // [\n]',
    "1 == 2 && 3 >= 2",
    "<<-EOT\r\ntext\r\n \tEOT \r\n",
    "<<EOT\nno\u00a0 EOT\nEOT",
  ])("may be %j", (text) => expect(whyNoHclValue(text)).toBeUndefined());

  test.each([
    ["", "it is empty"],
    [" # nothing", "it is empty"],
    ["eu-west-1", "eu-west-1 refers to something, which values cannot: a string needs quotes"],
    ["var.region", "var refers to something, which values cannot: a string needs quotes"],
    ['jsonencode({ a = "b" })', "it calls jsonencode(), and terraform calls no functions there"],
    ["[1, 2", "[ is not closed"],
    ["[1, 2)", ") stands where ] is expected"],
    ["1\n)\nother = (\n2", "line 2: ) closes nothing"],
    ['"open', "a string is not closed on its line"],
    ['"${ [1 }', "a string is not closed on its line"],
    ["x = 1", "x refers to something, which values cannot: a string needs quotes"],
    ["1 = 1", "an = stands outside of braces"],
    ["<<EOT\ntext", "line 1: the text after <<EOT is not closed by a line with EOT"],
    ["<<EOT\ntext\n\u00a0EOT\nEOT", "line 3: only spaces and tabs may stand beside the closing EOT"],
    ["<<EOT\ntext\n\ufeffEOT", "line 3: only spaces and tabs may stand beside the closing EOT"],
    [
      "<<EOT\n\u0085EOT\nEOT",
      "line 2: the control character U+0085 cannot stand in it: in a string, write it as \\u0085",
    ],
    ['"a\u2028b"', "the control character U+2028 cannot stand in it: in a string, write it as \\u2028"],
    ["1\f", "the control character U+000C cannot stand in it: in a string, write it as \\u000C"],
    ["1 # \0", "the control character U+0000 cannot stand in it: in a string, write it as \\u0000"],
    ["1 /* 2", "a comment that begins with /* is not closed"],
  ])("is not %j", (text, why) => expect(whyNoHclValue(text)).toBe(why));
});

describe("a text of assignments", () => {
  test("gives each name with its line, plain strings apart from expressions", () => {
    const text = `# settings
region = "eu-\\"west\\"\\n$\${x}"  // here
zones  = [
  "a",  # first
  "b",
]
size=3
label = "\${1}x"
text = <<-EOT
  a = "b"
  EOT
last = { a = 1 }`;
    expect(readHclAssignments(text)).toEqual({
      kind: "read",
      assignments: [
        { name: "region", line: 2, expression: '"eu-\\"west\\"\\n$${x}"', plain: 'eu-"west"\n${x}' },
        { name: "zones", line: 3, expression: '[\n  "a",  # first\n  "b",\n]', plain: undefined },
        { name: "size", line: 7, expression: "3", plain: undefined },
        { name: "label", line: 8, expression: '"${1}x"', plain: undefined },
        { name: "text", line: 9, expression: '<<-EOT\n  a = "b"\n  EOT', plain: undefined },
        { name: "last", line: 12, expression: "{ a = 1 }", plain: undefined },
      ],
    });
  });

  test.each([
    ["a = 1\nb 2", 2, "expected a line such as name = value"],
    ["a = 1\n\nblock {\n}", 3, "expected a line such as name = value"],
    ["a =\nb = 1", 1, "a has no value"],
    ["a = 1\na = 2", 2, "a is set on line 1 too"],
    ['a = [\n"x"\n', 1, "[ is not closed"],
    ["a = 1\nb = var.c", 2, "var refers to something, which values cannot: a string needs quotes"],
    ['a = "x', 1, "a string is not closed on its line"],
  ])("%j is malformed on line %d", (text, line, why) =>
    expect(readHclAssignments(text)).toEqual({ kind: "malformed", line, why }),
  );
});

test("JSON becomes HCL that says the same", () => {
  const value = exact({ "odd key": ["a${b}", 1.5, null, true], empty: {}, control: "\b\f%{x}" });
  expect(hclOf(value)).toBe(
    '{ "odd key" = ["a$${b}", 1.5, null, true], "empty" = {}, "control" = "\\u0008\\u000c%%{x}" }',
  );
  expect(whyNoHclValue(hclOf(value))).toBeUndefined();
  expect(readHclAssignments(`a = ${quoted('x"\\\n${y}\b')}`)).toMatchObject({
    assignments: [{ plain: 'x"\\\n${y}\b' }],
  });
});
