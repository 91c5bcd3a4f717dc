import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { LineTimes } from "./line-times.ts";

test("each line begins with the time of its first byte, however bytes are cut; where none is known there is room", () => {
  const whole = Buffer.from("old\nfirst\n\nsecond");
  const times = [
    { offset: 3n, time: timestampFromDate(new Date("2026-01-01T12:00:00.900Z")) },
    { offset: 11n, time: timestampFromDate(new Date("2026-01-01T12:00:07Z")) },
  ];
  const expected = [
    `${" ".repeat(21)}old`,
    "2026-01-01T12:00:00Z first",
    "2026-01-01T12:00:00Z ",
    "2026-01-01T12:00:07Z second",
  ].join("\n");
  expect(Buffer.from(new LineTimes().take({ bytes: whole, offset: 0, times })).toString()).toBe(expected);
  const bit = new LineTimes();
  const bits = [...whole].map((byte, offset) => {
    const told = times.filter((time, index) => time.offset <= offset && (times[index + 1]?.offset ?? 99n) > offset);
    return bit.take({ bytes: Uint8Array.of(byte), offset, times: told });
  });
  expect(Buffer.concat(bits).toString()).toBe(expected);
});
