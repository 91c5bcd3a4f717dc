import { describe, expect, test } from "vitest";
import { attempt, fail, isHealthy, ok, skip, warn } from "./check.ts";
import { judgeClock, judgeStream } from "./network.ts";

describe("checks", () => {
  test("are healthy as long as none failed: warnings and what was not looked at do not count", () => {
    expect(isHealthy([])).toBe(true);
    expect(isHealthy([ok("a", ""), warn("b", "", ""), skip("c", "")])).toBe(true);
    expect(isHealthy([ok("a", ""), fail("b", "", "")])).toBe(false);
  });

  test("that throw have failed, and say why and what to do", async () => {
    const found = await attempt("disk", "look at it", () => Promise.reject(new Error("no room")));
    expect(found).toEqual({ id: "disk", status: "fail", detail: "no room", fix: "look at it" });
    expect(await attempt("disk", "look at it", async () => ok("disk", "room"))).toEqual(ok("disk", "room"));
  });
});

describe("the clocks of two machines", () => {
  const server = new Date("2026-03-01T10:00:00Z");
  test.each([
    [0, "ok", "0 s ahead of"],
    [30, "ok", "30 s ahead of"],
    [31, "warn", "31 s ahead of"],
    [-30, "ok", "30 s behind"],
    [-31, "warn", "31 s behind"],
    [-86_400, "warn", "86400 s behind"],
  ])("that are %d s apart: %s", (seconds, status, words) => {
    const own = new Date(server.getTime() + seconds * 1_000);
    expect(judgeClock(own, server)).toMatchObject({ status, detail: `this machine is ${words} the server` });
  });
});

describe("a stream that is looked at", () => {
  test.each([
    ["comes as it was sent", [10, 110, 210, 310], "ok"],
    ["comes a little late", [10, 250, 251, 320], "ok"],
    ["comes all at once, at its end", [310, 310, 311, 311], "fail"],
    ["comes in less than half of its time", [10, 20, 30, 158], "fail"],
    ["comes in just half of its time", [10, 20, 30, 160], "ok"],
    ["does not come", [], "fail"],
  ])("one that %s", (_how, arrivals, status) => {
    expect(judgeStream(arrivals, 100).status).toBe(status);
  });

  test("says what was seen, and whose fault it is", () => {
    expect(judgeStream([310, 312], 100)).toMatchObject({
      ...{ detail: "2 pieces over 2 ms: held back on the way", fix: "switch buffering off in the proxy" },
    });
    expect(judgeStream([], 100)).toMatchObject({ detail: "nothing arrived", fix: "see the server's log" });
  });
});
