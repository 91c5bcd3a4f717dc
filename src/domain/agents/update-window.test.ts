import { expect, test } from "vitest";
import { isInWindow, readUpdateWindow } from "./update-window.ts";

const isIn = (window: string, at: string): boolean | undefined => {
  const read = readUpdateWindow(window);
  return read && isInWindow(read, new Date(at));
};

test.each([
  // 1 December 2026 is a Tuesday; Berlin is an hour ahead of UTC then, and two in July.
  ["Mon-Thu 01:00-05:00 Europe/Berlin", "2026-12-01T00:00:00Z", true],
  ["Mon-Thu 01:00-05:00 Europe/Berlin", "2026-12-01T03:59:59Z", true],
  ["Mon-Thu 01:00-05:00 Europe/Berlin", "2026-12-01T04:00:00Z", false],
  ["Mon-Thu 01:00-05:00 Europe/Berlin", "2026-12-04T02:00:00Z", false],
  ["Mon-Thu 01:00-05:00 Europe/Berlin", "2026-07-06T23:30:00Z", true],
  ["01:00-05:00", "2026-12-05T04:00:00Z", true],
  ["Sat,Sun 22:00-02:00", "2026-12-05T23:00:00Z", true],
  ["Sat 22:00-02:00", "2026-12-06T01:00:00Z", true],
  ["Sat 22:00-02:00", "2026-12-05T01:00:00Z", false],
  ["Fri-Mon 00:00-24:00", "2026-12-06T12:00:00Z", true],
])("%s at %s: %s", (window, at, is) => {
  expect(isIn(window, at)).toBe(is);
});

test.each([
  "",
  "Mon",
  "Mon-Thu",
  "25:00-26:00",
  "01:00-01:00",
  "01:61-02:00",
  "Foo 01:00-02:00",
  "01:00-02:00 Mars/Base",
  "Mon--Thu 01:00-02:00",
])("%j is none", (text) => {
  expect(readUpdateWindow(text)).toBeUndefined();
});
