import { expect, test } from "vitest";
import { hclAssignment } from "./assignments.ts";

test("an HCL value that terraform could not read is refused", () => {
  expect(hclAssignment('sizes=[1, "b"]')).toEqual({ key: "sizes", value: '[1, "b"]' });
  expect(() => hclAssignment("sizes=[1, 2")).toThrow("the value of sizes is no HCL expression: [ is not closed");
});
