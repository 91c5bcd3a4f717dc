import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { errnoOf, messageOf } from "./errors.ts";

test("an error says its message, anything else itself", () => {
  expect([new TypeError("why"), "a text", undefined, 7].map(messageOf)).toEqual(["why", "a text", "undefined", "7"]);
});

test("the code is the system's; undefined for what has none, or a number for one", async () => {
  expect(errnoOf(await readFile("/nowhere").catch((error: unknown) => error))).toBe("ENOENT");
  const numbered = Object.assign(new Error("gRPC"), { code: 14 });
  expect([numbered, new Error("plain"), { code: "ENOENT" }, undefined].map(errnoOf)).toEqual(Array(4).fill(undefined));
});
