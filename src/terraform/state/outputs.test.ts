import { expect, test } from "vitest";
import { sensitiveTexts } from "./outputs.ts";

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

test("numbers keep their digits, and what is in a JSON document counts, too", () => {
  const key = JSON.stringify({ private_key_id: "0f1e2d3c4b5a", kind: "key" });
  const state = `{"outputs":{"a":{"sensitive":true,"value":[12345678901234567890, 1e6]},"b":{"sensitive":true,"value":${JSON.stringify(key)}}}}`;
  const texts = sensitiveTexts(state);
  expect(texts).toEqual(
    expect.arrayContaining(["12345678901234567890", "1.234567890123456789e+19", "1e6", "1000000", key, "0f1e2d3c4b5a"]),
  );
});
