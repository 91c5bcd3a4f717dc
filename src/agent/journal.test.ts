import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Journal } from "./journal.ts";

const now = () => new Date("2026-01-01T00:00:00Z");

describe("journal", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-journal-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const open = () => Journal.open(join(dir, "journal"), now);

  test("what was appended is there after it is opened again, in order", async () => {
    {
      await using journal = await open();
      await journal.append({ kind: "offered" });
      await Promise.all([
        journal.append({ kind: "exec", epoch: "3" }),
        journal.append({ kind: "step_started", step: "plan" }),
        journal.append({ kind: "step_ended", step: "plan", exitCode: 2 }),
      ]);
    }
    await using journal = await open();
    expect(journal.records.map(({ kind }) => kind)).toEqual(["offered", "exec", "step_started", "step_ended"]);
    expect(journal.last("exec")).toEqual({ kind: "exec", at: "2026-01-01T00:00:00.000Z", epoch: "3" });
    expect(journal.ofStep("step_ended", "plan")?.exitCode).toBe(2);
    expect(journal.ofStep("step_ended", "apply")).toBeUndefined();
  });

  test("a line that a crash cut off is dropped, and the next one takes its place", async () => {
    {
      await using journal = await open();
      await journal.append({ kind: "offered" });
    }
    await appendFile(join(dir, "journal"), '{"kind":"exec","at":"2026');
    {
      await using journal = await open();
      expect(journal.has("exec")).toBe(false);
      await journal.append({ kind: "acknowledged" });
    }
    const lines = (await readFile(join(dir, "journal"), "utf8")).split("\n");
    expect(lines.map((line) => (line === "" ? "" : JSON.parse(line).kind))).toEqual(["offered", "acknowledged", ""]);
  });

  test("a line of a newer version is passed over", async () => {
    await appendFile(join(dir, "journal"), '{"kind":"telepathy","at":"x"}\n');
    await using journal = await open();
    await journal.append({ kind: "offered" });
    expect(journal.records.map(({ kind }) => kind)).toEqual(["offered"]);
  });
});
