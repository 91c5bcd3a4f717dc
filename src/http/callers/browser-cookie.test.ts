import { describe, expect, test } from "vitest";
import { cookieOf, mayHoldCookie, noCookie, secretIn } from "./browser-cookie.ts";

test.each([
  ["https://windlass.example.com", "__Host-windlass=s; Path=/; HttpOnly; SameSite=Lax; Secure", true],
  ["https://localhost:7070", "__Host-windlass=s; Path=/; HttpOnly; SameSite=Lax; Secure", true],
  ["http://localhost:5173", "windlass-5173=s; Path=/; HttpOnly; SameSite=Lax", true],
  ["http://127.0.0.1", "windlass-80=s; Path=/; HttpOnly; SameSite=Lax", true],
  ["http://[::1]:7070", "windlass-7070=s; Path=/; HttpOnly; SameSite=Lax", true],
  ["http://windlass.example.com", "__Host-windlass=s; Path=/; HttpOnly; SameSite=Lax; Secure", false],
])("a page of %s gets %s", (origin, cookie, mayHold) => {
  expect([cookieOf(origin, "s"), mayHoldCookie(origin)]).toEqual([cookie, mayHold]);
  expect(noCookie(origin)).toBe(`${cookie.replace("=s;", "=;")}; Max-Age=0`);
});

describe("what a cookie says", () => {
  const origins = ["https://windlass.example.com", "http://127.0.0.1:7070"];

  test.each([
    [null, undefined],
    ["", undefined],
    ["a=b", undefined],
    ["__Host-windlass=one", "one"],
    ["windlass-7070=two", "two"],
    ["windlass-7070=two; __Host-windlass=one", "one"],
    ["__Host-windlass=; windlass-7070=two", "two"],
    ["windlass-7071=two", undefined],
    ["windlass=two", undefined],
  ])("%j: %j", (cookies, secret) => {
    expect(secretIn(cookies, origins)).toBe(secret);
  });

  test("two that differ are none", () => {
    expect(() => secretIn("windlass-7070=a; windlass-7070=b", origins)).toThrow("2 cookies windlass-7070");
  });
});
