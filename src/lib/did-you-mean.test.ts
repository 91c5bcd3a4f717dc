import { describe, expect, test } from "vitest";
import { didYouMean, nearest } from "./did-you-mean.ts";

const nouns = ["pool", "token", "agent", "workspace", "run", "state"];

describe("the word that was meant", () => {
  test.each([
    ["pol", "pool"],
    ["pools", "pool"],
    ["rnu", "run"],
    ["statr", "state"],
    ["works", "workspace"],
  ])("%s is taken for %s", (word, meant) => expect(nearest(word, nouns)).toBe(meant));

  test.each(["frobnicate", "", "x"])("%j is like nothing", (word) => expect(nearest(word, nouns)).toBeUndefined());

  test("what names begin with does not make them alike", () => {
    expect(nearest("WINDLASS_AGENT_XY", ["WINDLASS_AGENT_CONCURRENCY", "WINDLASS_ORG"])).toBeUndefined();
    expect(nearest("WINDLASS_AGENT_NAM", ["WINDLASS_AGENT_NAME", "WINDLASS_ORG"])).toBe("WINDLASS_AGENT_NAME");
    expect(nearest("--x", ["--idle"])).toBeUndefined();
  });

  test("ends a sentence, or says nothing", () => {
    expect(didYouMean("lisetn", ["listen"])).toBe(": did you mean listen?");
    expect(didYouMean("frobnicate", nouns)).toBe("");
  });
});
