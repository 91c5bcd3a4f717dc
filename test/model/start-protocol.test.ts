import { describe, expect, test } from "vitest";
import { allRules, check } from "./start-protocol.ts";

describe("the apply grant, over every schedule within the bounds", () => {
  test("with all five rules no apply is ever executed twice", { timeout: 240_000 }, () => {
    const verdict = check(allRules);
    expect(verdict.kind).toBe("holds");
    expect(verdict.kind === "holds" && verdict.states).toBeGreaterThan(50_000);
  });

  test.each([
    ["run on assignment, without a hand-shake", { grant: false }],
    ["a started apply is queued again", { noRequeue: false }],
    ["epochs are not compared", { epoch: false }],
    ["no journal", { journal: false }],
    ["grants are not bound to the journal", { incarnation: false }],
  ])("without one rule an apply can run twice: %s", { timeout: 120_000 }, (_name, off) => {
    const verdict = check({ ...allRules, ...off });
    expect(verdict.kind).toBe("violated");
    expect(verdict.kind === "violated" && verdict.trace.filter((step) => step.includes("EXEC")).length).toBe(2);
  });
});
