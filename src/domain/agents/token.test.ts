import { describe, expect, test } from "vitest";
import { endsSoon, soon, standingOf } from "./token.ts";

const now = new Date("2026-06-01T12:00:00Z");
const dayMs = 86_400_000;
const later = (ms: number) => new Date(now.getTime() + ms);

describe("whether a credential can be used", () => {
  test.each([
    ["that never ends", null, null, "valid"],
    ["that ends in a moment", later(1), null, "valid"],
    ["that ends now", now, null, "expired"],
    ["that has ended", later(-1), null, "expired"],
    ["that was revoked now", null, now, "revoked"],
    ["that is to be revoked in a moment, as one that is replaced", null, later(1), "valid"],
    ["that has ended, and is to be revoked", later(-1), later(1), "expired"],
    ["that was revoked and would have ended since", later(-1), later(-2), "revoked"],
    ["that ended before it was revoked", later(-2), later(-1), "revoked"],
  ] as const)("one %s", (_which, expiresAt, revokedAt, standing) => {
    expect(standingOf({ expiresAt, revokedAt }, now)).toBe(standing);
  });
});

describe("a credential that ends soon", () => {
  test("is one that ends within two weeks, and has not", () => {
    expect(soon(now)).toEqual({ after: now, until: later(14 * dayMs) });
  });

  test.each([
    ["never", null, false],
    ["a moment ago", later(-1), false],
    ["now", now, false],
    ["in a moment", later(1), true],
    ["in two weeks", later(14 * dayMs), true],
    ["a moment after two weeks", later(14 * dayMs + 1), false],
  ])("one that ends %s: %s", (_when, expiresAt, isSoon) => {
    expect(endsSoon(expiresAt, now)).toBe(isSoon);
  });
});
