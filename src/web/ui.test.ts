import { expect, test } from "vitest";
import { encodingsIn, isPagePath } from "./ui.ts";

test.each([
  ["", []],
  ["gzip, deflate, br, zstd", ["br", "gzip"]],
  ["gzip", ["gzip"]],
  ["GZIP;q=0.5 , BR ; q=0.1", ["br", "gzip"]],
  ["br;q=0, gzip;q=0.000", []],
  ["*", ["br", "gzip"]],
  ["*;q=0, gzip", ["gzip"]],
  ["identity;q=1", []],
  ["br;q=x", []],
] as const)("a browser that accepts %j takes %j", (accepted, encodings) => {
  expect(encodingsIn(accepted)).toEqual(encodings);
});

test("the UI has pages at its own paths alone", () => {
  const paths = ["/", "/login", "/login/", "/o/a/b", "/settings/x", "//", "/lo", "/O/a", "/settingsx", "/api/v2", ""];
  expect(paths.filter(isPagePath)).toEqual(["/", "/login", "/login/", "/o/a/b", "/settings/x"]);
});
