import { expect, test } from "vitest";
import { checkLines, fail, ok } from "./check.ts";

const checks = [
  ok("tcp", "answers"),
  fail(
    "token-file",
    "everybody may read the token in /etc/windlass/agent-token",
    "chmod 600 /etc/windlass/agent-token",
  ),
];

test("what checks say goes on below its words on a terminal", () => {
  expect(checkLines(checks, 50).join("\n")).toMatchInlineSnapshot(`
    "ok    tcp         answers
    fail  token-file  everybody may read the token in
                      /etc/windlass/agent-token
                      → chmod 600
                        /etc/windlass/agent-token"
  `);
  expect(checkLines(checks)).toHaveLength(3);
});
