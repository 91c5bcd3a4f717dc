import { expect, test } from "vitest";
import { skewOf } from "./version-skew.ts";

test.each([
  ["1.4.0", "1.4.9", "same", ""],
  ["1.4.0-rc.1", "1.4.0", "same", ""],
  ["1.3.7", "1.4.0", "fits", ""],
  ["1.2.0", "1.4.0", "fits", ""],
  ["1.1.9", "1.4.0", "old", "update it to 1.4.0"],
  ["0.9.0", "1.0.0", "old", "update it to 1.0.0"],
  ["1.5.0", "1.4.9", "new", "update the server to 1.5.0 first"],
  ["2.0.0", "1.9.0", "new", "update the server to 2.0.0 first"],
  ["", "1.4.0", "unknown", ""],
  ["dev", "1.4.0", "unknown", ""],
])("%s beside a server of %s is %s", (program, server, kind, fix) => {
  expect(skewOf(program, server)).toEqual({ kind, fix });
});
