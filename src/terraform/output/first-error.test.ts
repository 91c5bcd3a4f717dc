import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { createTextRedactor } from "../redaction/redact.ts";
import { crashInOutput, errorIn, errorLine, firstInOutput, firstOfDiagnostics } from "./first-error.ts";

const shown = (text: string): string => text;

test.each<readonly [string, string, string]>([
  ["Error: Unsupported argument\n", "", "Unsupported argument"],
  [
    [
      "Error: Invalid index",
      "",
      "  with module.a.t.b[0],",
      '  on main.tf line 3, in resource "t" "b":',
      "   3:   input = local.list[7]",
      "    ├────────────────",
      "    │ local.list is empty tuple",
      "",
      "The given key does not identify an element in this collection value: the",
      "collection has no elements.",
      "",
      "Error: another one",
      "",
    ].join("\n"),
    "module.a.t.b[0]",
    "Invalid index: The given key does not identify an element in this collection value: the collection has no elements",
  ],
  [
    "Error: no source\n\n  on x.tf line 1:\n  (source code not available)\n\nIt is gone.\n\nWarning: late\n",
    "",
    "no source: It is gone",
  ],
])("an error of the human format is taken apart: %j", (text, address, words) => {
  const found = errorIn(text);
  expect(found.address).toBe(address);
  expect(errorLine({ ...found, address: "", place: "", others: 0 }, shown)).toBe(words);
});

test.each([
  [
    "panic: runtime error: invalid memory address\n[signal SIGSEGV]\n\ngoroutine 1 [running]:\n",
    "panic: runtime error: invalid memory address",
  ],
  ["Planning...\nfatal error: concurrent map writes\n\ngoroutine 7", "fatal error: concurrent map writes"],
])("a crash is told in its first line: %j", async (printed, line) => {
  const directory = await mkdtemp(join(tmpdir(), "windlass-test-"));
  const path = join(directory, "out");
  await writeFile(path, printed);
  const crash = { address: "", place: "", text: `it crashed: ${line}`, others: 0 };
  expect(await firstInOutput(path)).toEqual(crash);
  expect(await crashInOutput(path)).toEqual(crash);
  await writeFile(path, `Error: before\n\n${printed}`);
  expect(await firstInOutput(path)).toMatchObject({ text: expect.stringMatching(/^before/) });
  await rm(directory, { recursive: true });
});

describe("in a message", () => {
  test.each(["Terraform", "OpenTofu"])(
    "what init of %s says before a fault of the configuration is not that fault",
    (name) => {
      const fault =
        'Error: Invalid multi-line string\n\n  on main.tf line 2, in resource "t" "a":\n   2:  input = "x\n\nNo.\n';
      const before = `Error: ${name} encountered problems during initialisation, including problems\nwith the configuration, described below.\n\n`;
      const asked = "Error: Error asking for state migration action: input is disabled\n\n\n";
      for (const text of [before, asked, asked + before]) {
        expect(errorIn(`${text}\n${fault}`)).toEqual({
          address: "",
          place: "main.tf:2",
          text: "Invalid multi-line string: \n\nNo.\n",
        });
        expect(errorIn(text).text).not.toBe("");
      }
    },
  );

  test("an error without a resource has its place before it", () => {
    const text =
      'Error: Reference to undeclared input variable\n\n  on main.tf line 1, in output "a":\n   1: output "a" { value = var.x }\n';
    expect(errorLine({ ...errorIn(text), others: 0 }, shown)).toBe("main.tf:1: Reference to undeclared input variable");
    const at = { line: 7, column: 1, byte: 90 };
    const range = { filename: "modules/net/main.tf", start: at, end: at };
    const first = firstOfDiagnostics([{ severity: "error", summary: "Invalid index", range }], 1);
    expect(first === undefined ? "" : errorLine(first, shown)).toBe("modules/net/main.tf:7: Invalid index");
    const both = firstOfDiagnostics([{ severity: "error", summary: "Invalid index", range, address: "a.b" }], 1);
    expect(both === undefined ? "" : errorLine(both, shown)).toBe("a.b: Invalid index");
  });

  test("an error has its resource before it, and how many more there were", () => {
    const errors = [{ severity: "error", summary: "could not create role: pq: permission denied", address: "a.b" }];
    const first = firstOfDiagnostics(errors, 3) ?? { address: "", place: "", text: "", others: 0 };
    expect(errorLine(first, shown)).toBe("a.b: could not create role: pq: permission denied, and 2 more errors");
    expect(firstOfDiagnostics([], 0)).toBeUndefined();
    expect(firstOfDiagnostics([{ severity: "error", summary: 1 as never }], 1)).toBeUndefined();
  });

  test("an error is one line of at most 300 characters, without controls", () => {
    const line = errorLine(
      { address: "a".repeat(400), place: "", text: `x\u001b[2J\n\n${"y".repeat(5000)}`, others: 1 },
      shown,
    );
    expect([...line]).toHaveLength(300);
    expect(line).toMatch(/^a{149}…: x \[2J y+…, and 1 more error$/);
  });

  test("an error shows no secret, not even one that terraform's wrapping has cut", () => {
    const hide = createTextRedactor(["hunter2 horse battery"]);
    const line = errorLine(
      { address: 'a.b["hunter2 horse battery"]', place: "", text: "bad: hunter2 horse\nbattery!", others: 0 },
      hide,
    );
    expect(line).toBe('a.b["(sensitive value)"]: bad: (sensitive value)!');
  });
});

describe("in an output", () => {
  const inFile = async (content: string) => {
    const dir = await mkdtemp(join(tmpdir(), "windlass-error-"));
    try {
      await writeFile(join(dir, "out"), content);
      return await firstInOutput(join(dir, "out"));
    } finally {
      await rm(dir, { recursive: true });
    }
  };

  test("the first error is found and the others are counted, wherever its pieces are cut", async () => {
    const mib = 1024 * 1024;
    for (const before of [0, 1, mib - 8, mib - 7, mib - 4, mib - 1, mib, 3 * mib]) {
      const noise = before === 0 ? "" : `${"n".repeat(before - 1)}\n`;
      const found = await inFile(`${noise}Error: first\n\nno Error: here\n\nError: second\n`);
      expect(found, String(before)).toEqual({ address: "", place: "", text: "first: \nno Error: here\n", others: 1 });
    }
    expect(await inFile("all is well\n")).toBeUndefined();
    expect(await inFile("")).toBeUndefined();
  });

  test("what is no file of its own is not read", async () => {
    const dir = await mkdtemp(join(tmpdir(), "windlass-error-"));
    await execa("mkfifo", [join(dir, "fifo")]);
    await writeFile(join(dir, "file"), "Error: elsewhere\n");
    await symlink(join(dir, "file"), join(dir, "link"));
    expect(await firstInOutput(join(dir, "fifo"))).toBeUndefined();
    expect(await firstInOutput(join(dir, "link"))).toBeUndefined();
    await rm(dir, { recursive: true });
  });
});

test("marks in the middle of a long text are passed once, those at its end go", () => {
  const error = { address: "", place: "", text: `a${".".repeat(200_000)}b: .`, others: 0 };
  expect(errorLine(error, shown)).toBe(`a${".".repeat(298)}…`);
  expect(errorLine({ ...error, text: "it failed: ." }, shown)).toBe("it failed");
});
