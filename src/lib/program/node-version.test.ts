import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkNodeVersion } from "./node-version.ts";

test("Node 24 and newer pass", () => {
  expect(checkNodeVersion("24.0.0")).toEqual({ kind: "ok" });
  expect(checkNodeVersion("101.2.3")).toEqual({ kind: "ok" });
});

test("an older Node is told what is needed, what it is and what to do", () => {
  const check = checkNodeVersion("20.19.1");
  expect(check).toMatchObject({ kind: "too-old" });
  expect(check.kind === "too-old" && check.message).toMatch(/Node 24 or newer.*Node 20\.19\.1.*npm ci/);
});

test("the check itself imports nothing", () => {
  expect(readFileSync(new URL("./node-version.ts", import.meta.url), "utf8")).not.toMatch(/^import/m);
});
