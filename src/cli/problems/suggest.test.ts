import { describe, expect, test } from "vitest";
import { didYouMean, nearest } from "./suggest.ts";

const nouns = ["pool", "token", "agent", "workspace", "run", "state"];

describe("did you mean", () => {
  test.each([
    ["pol", "pool"],
    ["pools", "pool"],
    ["rnu", "run"],
    ["statr", "state"],
    ["works", "workspace"],
  ])("%s is taken for %s", (word, meant) => expect(nearest(word, nouns)).toBe(meant));

  test.each(["frobnicate", "", "x"])("%j is like nothing", (word) => expect(nearest(word, nouns)).toBeUndefined());

  test("the suggestion is a sentence, or nothing", () => {
    expect(didYouMean("pol", nouns)).toBe(' Did you mean "pool"?');
    expect(didYouMean("--filtr", ["--filter"], (name) => name)).toBe(" Did you mean --filter?");
    expect(didYouMean("frobnicate", nouns)).toBe("");
  });
});
