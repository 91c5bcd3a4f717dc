import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { memoryLog } from "../lib/program/log.ts";
import { builtWebFiles } from "./web-files.ts";

test("a UI that was not built is told in the log, with what to do", async () => {
  const directory = await mkdtemp(join(tmpdir(), "windlass-ui-"));
  try {
    const { log, records } = memoryLog();
    expect(builtWebFiles(log, join(directory, "web"))).toBeUndefined();
    expect(records).toMatchObject([
      { level: "warn", why: "it was not built", msg: expect.stringContaining("--no-web") },
    ]);
    await writeFile(join(directory, "index.html"), "<p>");
    expect(builtWebFiles(log, directory)?.index.bytes.toString()).toBe("<p>");
    expect(records).toHaveLength(1);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
