/** The launcher is small enough to be read as a whole: nobody updates it but who installs it. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const launcher = join(resolve(import.meta.dirname, "../.."), "packaging/launcher/windlass-agent");

test("the launcher has at most 80 lines of at most 140 characters, and asks for no shell but a plain one", async () => {
  const lines = (await readFile(launcher, "utf8")).trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => line.length > 140)).toEqual([]);
  expect(lines[0]).toBe("#!/bin/sh");
});
