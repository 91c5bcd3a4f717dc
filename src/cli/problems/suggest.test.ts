import { expect, test } from "vitest";
import { didYouMean } from "./suggest.ts";

const nouns = ["pool", "token"];

test("the suggestion is a sentence, or nothing", () => {
  expect(didYouMean("pol", nouns)).toBe(' Did you mean "pool"?');
  expect(didYouMean("--filtr", ["--filter"], (name) => name)).toBe(" Did you mean --filter?");
  expect(didYouMean("frobnicate", nouns)).toBe("");
});
