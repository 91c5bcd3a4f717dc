import { describe, expect, test } from "vitest";
import { inFlightInLog } from "./log-in-flight.ts";

const told = (...lines: readonly string[]) =>
  inFlightInLog(`${lines.join("\n")}\n`).map(({ address, action, idKey, id }) =>
    [address, action, ...(id === "" ? [] : [`${idKey}=${id}`])].join(" "),
  );

test("what was begun and has no end is in flight", () => {
  const log = [
    "Windlass: apply of run run_1, agent vm-7 on host, terraform 1.11.4 (linux_amd64)",
    "data.external.x: Reading...",
    "postgresql_role.r: Creating...",
    "aws_instance.a[0]: Modifying... [id=i-1]",
    'module.m["a: b"].t.x["c d"]: Destroying... [name=old one]',
    "t.done: Creating...",
    "t.done: Creation complete after 0s [id=1]",
    "t.replaced: Destroying... [id=1]",
    "t.replaced: Destruction complete after 1s",
    "t.replaced: Creating...",
    "t.cbd (deposed object 00a1b2c3): Destroying... [id=9]",
    "t.cbd: Destruction complete after 0s",
    "t.late (deposed object): Destroying... [id=9]",
    "t.late: Destruction complete after 0s",
  ];
  expect(told(...log)).toEqual([
    "postgresql_role.r create",
    "aws_instance.a[0] update id=i-1",
    'module.m["a: b"].t.x["c d"] delete name=old one',
    "t.replaced create",
  ]);
});

test("a log that begins in the middle tells what terraform still works on", () => {
  expect(
    told(
      "postgresql_role.r: Still creating... [2m0s elapsed]",
      "t.b: Still destroying... [id=i-1, 00m10s elapsed]",
      "t.c: Still modifying... [id=i-2, 10s elapsed]",
      "t.c: Modifications complete after 12s [id=i-2]",
    ),
  ).toEqual(["postgresql_role.r create", "t.b delete id=i-1"]);
});

test("what a program prints, a read and a failed change are not in flight", () => {
  expect(
    told(
      "t.p (local-exec): t.x: Creating...",
      "  t.y: Creating...",
      "no address: Creating...",
      "data.d.z: Still reading... [10s elapsed]",
      "t.f: Creating...",
      "Error: it failed",
      "",
      "  with t.f,",
      "  on main.tf line 1:",
    ),
  ).toEqual([]);
});

test("a log of nothing but hostile lines costs little", () => {
  const long = `${"a".repeat(4000)}"${"\\".repeat(90)}: Creating`;
  const startedAt = performance.now();
  expect(inFlightInLog(`${long}\n`.repeat(1000))).toEqual([]);
  expect(inFlightInLog("x".repeat(4_000_000))).toEqual([]);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  const many = Array.from({ length: 2000 }, (_, index) => `t.x[${index}]: Creating...`);
  expect(told(...many)).toHaveLength(1000);
});

describe("a log that was cut", () => {
  const of = (text: string, isTail = false) =>
    inFlightInLog(text, { isTail }).map(({ address, action, idKey, id }) =>
      [address, action, ...(id === "" ? [] : [`${idKey}=${id}`])].join(" "),
    );

  test.each<readonly [string, string, readonly string[]]>([
    ["after the first words", "t.a: Creating...", ["t.a create"]],
    ["in the words", "t.a: Creat", []],
    ["in the id", "t.a: Destroying... [id=i-1", ["t.a delete"]],
    ["in the time", "t.a: Still modifying... [id=i-1, 10s el", ["t.a update"]],
    ["in the end of a change", "t.a: Creating...\nt.a: Creation comp", ["t.a create"]],
    ["after the end of a change", "t.a: Creating...\nt.a: Creation complete after 0s [id", []],
    ["in a key", 't.a: Creating...\nmodule.m["x y', ["t.a create"]],
    ["in a character", "t.a: Creating...\nt.\ufffd", ["t.a create"]],
  ])("%s", (_where, text, expected) => expect(of(text)).toEqual(expected));

  test("at its beginning has a first line that is no line", () => {
    expect(of("a.t.x: Creating...\nt.y: Still creating... [10s elapsed]\n", true)).toEqual(["t.y create"]);
    expect(of("a.t.x: Creating...\n")).toEqual(["a.t.x create"]);
  });
});

test("colours and ends of lines of another system change nothing", () => {
  expect(
    told(
      "\u001b[0m\u001b[1mt.a: Creating...\u001b[0m\r",
      "\u001b[0m\u001b[1mt.b: Modifying... [id=i-1]\u001b[0m\u001b[0m",
      "\u001b[0m\u001b[1mt.c: Still destroying... [id=i-2, 10s elapsed]\u001b[0m\r",
      "\u001b[0m\u001b[1mt.d: Creating...\u001b[0m",
      "\u001b[0m\u001b[1mt.d: Creation complete after 0s [id=1]\u001b[0m\r",
    ),
  ).toEqual(["t.a create", "t.b update id=i-1", "t.c delete id=i-2"]);
});

test("keys of for_each may hold quotes, colons and what looks like a message", () => {
  const keys = [
    String.raw`t.a["say \"hi\""]`,
    't.a["x: Creating..."]',
    String.raw`t.a["back\\"]`,
    'module.m["a b"].t.a[0]',
  ];
  expect(told(...keys.map((key) => `${key}: Creating...`))).toEqual(keys.map((key) => `${key} create`));
  expect(
    told(...keys.flatMap((key) => [`${key}: Creating...`, `${key}: Creation complete after 1s [id=${key}]`])),
  ).toEqual([]);
});

test("what goes on at the same time is told apart, and so is what was replaced", () => {
  expect(
    told(
      "t.a: Destroying... [id=1]",
      "t.b: Creating...",
      "t.c: Modifying... [id=3]",
      "t.a: Still destroying... [id=1, 10s elapsed]",
      "t.b: Still creating... [10s elapsed]",
      't.b (local-exec): Executing: ["/bin/sh" "-c" "sleep 300"]',
      "t.a: Destruction complete after 11s",
      "t.a: Creating...",
      "t.c: Modifications complete after 12s [id=3]",
      "t.b: Still creating... [00m20s elapsed]",
    ),
  ).toEqual(["t.b create", "t.a create"]);
});
