import { expect, test } from "vitest";
import { bareName } from "./bare-names.ts";

test.each([
  ["run/run_1", "RUN", "run_1"],
  ["workspace/net", "WS", "net"],
  ["ws/net", "[WS]", "net"],
  ["workspace/net", "WS...", "net"],
  ["state/sv_1", "WS|STATE", "sv_1"],
  ["workspace/a,workspace/b,c", "WS,WS", "a,b,c"],
  ["net", "WS", "net"],
  ["nowhere/net", "WS", "nowhere/net"],
  ["/net", "WS", "/net"],
  ["state/old.tfstate", "FILE", "state/old.tfstate"],
  ["run/infra", "[DIR]", "run/infra"],
  ["a/b", "TEXT", "a/b"],
])("%s as %s is %s", (word, placeholder, name) => {
  expect(bareName(word, placeholder)).toBe(name);
});
