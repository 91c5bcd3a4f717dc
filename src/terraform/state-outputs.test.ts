import { expect, test } from "vitest";
import { sensitiveTexts } from "./state-outputs.ts";

test("the texts of sensitive outputs are found at any depth, of others none", () => {
  const state = {
    outputs: {
      open: { value: "seen", type: "string" },
      hidden: { value: { a: ["one", 2, "one"], b: { c: "three", d: false } }, sensitive: true },
    },
  };
  expect(sensitiveTexts(JSON.stringify(state))).toEqual(["one", "2", "three"]);
  expect(sensitiveTexts("no state")).toEqual([]);
});
