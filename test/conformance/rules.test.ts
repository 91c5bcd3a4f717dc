import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { playAll } from "./play.ts";
import { conforms, listText, rowText, sumText } from "./report.ts";
import { allScenarios } from "./scenarios/all.ts";

const contract = await readFile(resolve(import.meta.dirname, "../../docs/agent-protocol.md"), "utf8");

test("every rule that is checked stands in docs/agent-protocol.md, and has one name", () => {
  const rules = allScenarios.map(({ name }) => name.replace(/\/.*/, ""));
  expect(rules.filter((rule) => !contract.includes(`| \`${rule}\` |`))).toEqual([]);
  expect(new Set(allScenarios.map(({ name }) => name)).size).toBe(allScenarios.length);
});

test("an agent that does nothing breaks the rules, and what it said is told", { timeout: 60_000 }, async () => {
  const scenarios = allScenarios.filter(({ name }) => ["register.protocol", "session.hello"].includes(name));
  const command = { command: "/bin/sh", args: ["-c", "echo I am no agent; exit 3"] };
  const rows = await playAll(scenarios, { command, atOnce: 2 });
  expect(rows.map(({ verdict, output }) => [verdict, output])).toEqual([
    ["failed", "I am no agent\n"],
    ["failed", "I am no agent\n"],
  ]);
  expect(rows[0]?.seen).toBe("the agent ended with 3, while it was looked for: the agent registers");
  expect(conforms(rows)).toBe(false);
  expect(sumText(rows)).toBe("0 passed, 2 failed, 0 skipped: this agent does not conform");
});

test("the tables fit into 80 columns", () => {
  const long = {
    rule: "session.unknown/messages",
    level: "must",
    demands: "",
    verdict: "failed",
    seconds: 1,
    output: "",
  } as const;
  const text = [listText(allScenarios), rowText({ ...long, seen: `${"word ".repeat(40)}${"x".repeat(200)}` })].join(
    "\n",
  );
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
});
