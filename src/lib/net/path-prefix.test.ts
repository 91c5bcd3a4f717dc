import { expect, test } from "vitest";
import { isBelow, pathPrefix, pathPrefixOf, withoutPrefix } from "./path-prefix.ts";

test.each([
  ["/", ""],
  ["", ""],
  ["/windlass", "/windlass"],
  ["/windlass/", "/windlass"],
  ["/tools/wind-lass_1.0~x/", "/tools/wind-lass_1.0~x"],
  ["windlass", undefined],
  ["//windlass", undefined],
  ["/wind%20lass", undefined],
  ["/a/../b", undefined],
  ["/.", undefined],
  ["/a?b", undefined],
])("%j stands for the prefix %j", (path, prefix) => {
  expect(pathPrefixOf(path)).toBe(prefix);
});

test("the setting needs a path", () => {
  expect(pathPrefix().read("/windlass/")).toBe("/windlass");
  for (const text of ["/", "windlass", "https://host/windlass"]) expect(pathPrefix().read(text)).toBeUndefined();
  expect(pathPrefix().expected).toBe("a path such as /windlass");
});

test("a path loses the prefix as a whole part, and once", () => {
  expect(withoutPrefix("/windlass/a.B/C?x=1", "/windlass")).toBe("/a.B/C?x=1");
  expect(withoutPrefix("/windlass/windlass/C", "/windlass")).toBe("/windlass/C");
  expect(withoutPrefix("/windlass.v1.RunService/GetRun", "/windlass")).toBe("/windlass.v1.RunService/GetRun");
  expect(withoutPrefix("/healthz", "/windlass")).toBe("/healthz");
  expect(withoutPrefix("/a", "")).toBe("/a");
});

test.each([
  ["/windlass/api/v2/ping", "/windlass", true],
  ["/.well-known/terraform.json", "/windlass", true],
  ["/windlass", "/windlass", false],
  ["/api/v2/ping", "/windlass", false],
  ["/.well-known/terraform.json", "", false],
])("what %s leads to with the prefix %j is below it: %s", (path, prefix, is) => {
  expect(isBelow(path, prefix)).toBe(is);
});
