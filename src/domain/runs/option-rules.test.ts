import { expect, test } from "vitest";
import { refusedOption } from "./option-rules.ts";

const plain = { isDestroy: false, isPlanOnly: false, engineVersion: "" };
const workspace = { name: "net", allowsDestroy: true };

test("a workspace may allow no run that destroys everything, planned or not", () => {
  const careful = { ...workspace, allowsDestroy: false };
  expect(refusedOption(plain, careful)).toBeUndefined();
  expect(refusedOption({ ...plain, isDestroy: true }, workspace)).toBeUndefined();
  for (const isPlanOnly of [true, false])
    expect(refusedOption({ ...plain, isDestroy: true, isPlanOnly }, careful)?.option).toBe("destroy");
});

test("another version is for plan-only runs", () => {
  expect(refusedOption({ ...plain, engineVersion: "1.0.0" }, workspace)?.option).toBe("engine_version");
  expect(refusedOption({ ...plain, engineVersion: "1.0.0", isPlanOnly: true }, workspace)).toBeUndefined();
});
