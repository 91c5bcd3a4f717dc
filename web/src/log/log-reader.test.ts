import { expect, test } from "vitest";
import { type LogLine, LogReader, type TimedBytes } from "./log-reader.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const untimed = (given: Uint8Array): TimedBytes => ({ bytes: given, offset: 0, times: [] });
const textOf = ({ spans }: LogLine) => spans.map(({ text }) => text).join("");

test("lines do not depend on how bytes are cut into pieces", () => {
  const whole = bytes("Windlass: plan\n\u001b[31mGröße 🚀\u001b[0m\r\nlast");
  const atOnce = new LogReader();
  const expected = [...atOnce.read(untimed(whole)), ...atOnce.end()];
  expect(expected.map(textOf)).toEqual(["Windlass: plan", "Größe 🚀", "last"]);
  const bit = new LogReader();
  const lines = [...whole].flatMap((byte) => [...bit.read(untimed(Uint8Array.of(byte)))]);
  expect([...lines, ...bit.end()]).toEqual(expected);
});

test("lines are numbered from 1, and say who has written them", () => {
  const reader = new LogReader();
  const lines = [...reader.read(untimed(bytes("Windlass: plan\n│ Error: no\nplain\n")))];
  expect(lines.map(({ number, kind }) => [number, kind])).toEqual([
    [1, "agent"],
    [2, "error"],
    [3, "program"],
  ]);
  expect([...reader.remark("5 bytes of log lost")]).toMatchObject([{ number: 0, kind: "remark" }]);
});

test("a line of a megabyte is cut, and says so", () => {
  const [line, next] = new LogReader().read(untimed(bytes(`${"x".repeat(1_000_000)}\nnext\n`)));
  const text = line === undefined ? "" : textOf(line);
  expect(text.length).toBeLessThan(21_000);
  expect(text).toContain("a line of 1,000,000 characters");
  expect(next).toMatchObject({ number: 2 });
});

test("bytes that are no UTF-8 become the sign for that", () => {
  expect([...new LogReader().read(untimed(Uint8Array.of(0x61, 0xff, 0x62, 0x0a)))].map(textOf)).toEqual(["a\ufffdb"]);
});

test("a line has the time of its first byte, however bytes are cut; before the first time it has none", () => {
  const whole = bytes("old\nGröße\nlater\nsame\nlast");
  const [first, second] = [new Date(1_000), new Date(2_000)];
  // "ö" and "ß" are two bytes each: "later" begins at 12. The first time is of the middle of "old", the second of that of "Größe".
  const times = [
    { offset: 2, at: first },
    { offset: 8, at: second },
  ];
  const expected = [undefined, first, second, second, second];
  const atOnce = new LogReader();
  const lines = [...atOnce.read({ bytes: whole, offset: 0, times }), ...atOnce.end()];
  expect(lines.map(({ at }) => at)).toEqual(expected);
  const bit = new LogReader();
  const bits = [...whole].flatMap((byte, offset) => {
    // As the server tells them: those of the piece, and the last one before it.
    const told = times.filter(
      (time, index) => time.offset <= offset && (times[index + 1]?.offset ?? Infinity) > offset,
    );
    return [...bit.read({ bytes: Uint8Array.of(byte), offset, times: told })];
  });
  expect([...bits, ...bit.end()].map(({ at }) => at)).toEqual(expected);
});
