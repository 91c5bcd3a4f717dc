import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { bytesText, countText, dateOf, durationText, relativeText, shortId } from "./format.ts";

test("durations have one or two units", () => {
  const spans = [0, 850, 12_345, 60_000, 200_000, 7_500_000, 359_999_000];
  expect(spans.map(durationText)).toEqual(["0 ms", "850 ms", "12 s", "1 min", "3 min 20 s", "2 h 5 min", "4 d 3 h"]);
});

test("times are told relative to now, in both directions", () => {
  const now = new Date("2026-01-02T00:00:00Z");
  const at = (text: string) => relativeText(new Date(text), now);
  expect(at("2026-01-01T23:59:58Z")).toBe("just now");
  expect(at("2026-01-01T23:56:40Z")).toBe("3 min ago");
  expect(at("2026-01-07T03:00:00Z")).toBe("in 5 d");
});

test("a time that is absent or a clock's zero is no date", () => {
  const at = (seconds: bigint) => dateOf(create(TimestampSchema, { seconds }));
  expect(dateOf(undefined)).toBeUndefined();
  expect(at(0n)).toBeUndefined();
  expect(at(-62135596800n)).toBeUndefined();
  expect(at(1_767_312_000n)).toEqual(new Date("2026-01-02T00:00:00Z"));
});

test("sizes, counts and ids are short", () => {
  expect([0, 1023, 1536, 20 * 2 ** 20, 3n * 2n ** 40n].map(bytesText)).toEqual([
    "0 B",
    "1023 B",
    "1.5 KiB",
    "20 MiB",
    "3072 GiB",
  ]);
  expect([countText(1, "run"), countText(1200, "run"), countText(2, "entry", "entries")]).toEqual([
    "1 run",
    "1,200 runs",
    "2 entries",
  ]);
  expect(shortId("run_4cmtsg403bz6b1peykzmj356x4")).toBe("run_4cmtsg40");
});
