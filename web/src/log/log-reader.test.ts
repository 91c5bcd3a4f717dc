import { expect, test } from "vitest";
import { type LogLine, LogReader } from "./log-reader.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = ({ spans }: LogLine) => spans.map(({ text }) => text).join("");

test("lines do not depend on how bytes are cut into pieces", () => {
  const whole = bytes("Windlass: plan\n\u001b[31mGröße 🚀\u001b[0m\r\nlast");
  const atOnce = new LogReader();
  const expected = [...atOnce.read(whole), ...atOnce.end()];
  expect(expected.map(textOf)).toEqual(["Windlass: plan", "Größe 🚀", "last"]);
  const bit = new LogReader();
  const lines = [...whole].flatMap((byte) => [...bit.read(Uint8Array.of(byte))]);
  expect([...lines, ...bit.end()]).toEqual(expected);
});

test("lines are numbered from 1, and say who has written them", () => {
  const reader = new LogReader();
  const lines = [...reader.read(bytes("Windlass: plan\n│ Error: no\nplain\n"))];
  expect(lines.map(({ number, kind }) => [number, kind])).toEqual([
    [1, "agent"],
    [2, "error"],
    [3, "program"],
  ]);
  expect([...reader.remark("5 bytes of log lost")]).toMatchObject([{ number: 0, kind: "remark" }]);
});

test("a line of a megabyte is cut, and says so", () => {
  const [line, next] = new LogReader().read(bytes(`${"x".repeat(1_000_000)}\nnext\n`));
  const text = line === undefined ? "" : textOf(line);
  expect(text.length).toBeLessThan(21_000);
  expect(text).toContain("a line of 1,000,000 characters");
  expect(next).toMatchObject({ number: 2 });
});

test("bytes that are no UTF-8 become the sign for that", () => {
  expect([...new LogReader().read(Uint8Array.of(0x61, 0xff, 0x62, 0x0a))].map(textOf)).toEqual(["a\ufffdb"]);
});
