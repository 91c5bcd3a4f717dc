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

  test("what was jotted down stands in its place, and is synced with what follows", async () => {
    {
      await using journal = await Journal.create(join(dir, "journal"), now);
      await journal.jot({ kind: "offered" });
      await journal.flush();
      await Promise.all([
        journal.jot({ kind: "exec", epoch: "3" }),
        journal.append({ kind: "step_started", step: "plan", boot: "b" }),
      ]);
    }
    await using journal = await open();
    expect(journal.records.map(({ kind }) => kind)).toEqual(["offered", "exec", "step_started"]);
    expect(journal.ofStep("step_started", "plan")?.boot).toBe("b");
    await expect(Journal.create(join(dir, "journal"), now)).rejects.toThrow(/EEXIST/);
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

  test("a journal of an agent that knew only serials is read", async () => {
    const result = {
      ...{ outcome: "finished", exitCode: 0, errorMessage: "", logBytes: 1, logSha256: "ab", hasChanges: false },
      ...{
        counts: { add: 1, change: 0, destroy: 0, import: 0 },
        planSha256: "",
        stateSerial: 7,
        resourcesInFlight: [],
      },
      engineVersion: "1.11.4",
    };
    const at = "2026-01-01T00:00:00.000Z";
    const lines = [
      { kind: "state_acknowledged", at, serial: 7, final: true },
      { kind: "result", at, result },
    ];
    await appendFile(join(dir, "journal"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await using journal = await open();
    expect(journal.last("state_acknowledged")).toEqual({ kind: "state_acknowledged", at, serial: 7, final: true });
    const counts = { ...result.counts, drift: 0, forget: 0, move: 0 };
    expect(journal.last("result")?.result).toEqual({
      ...result,
      counts,
      hooks: [],
      inFlight: [],
      lost: [],
      lostCount: 0,
      denial: "",
      stateSha256: "",
    });
  });

  test("a line of a newer version is passed over", async () => {
    await appendFile(join(dir, "journal"), '{"kind":"telepathy","at":"x"}\n');
    await using journal = await open();
    await journal.append({ kind: "offered" });
    expect(journal.records.map(({ kind }) => kind)).toEqual(["offered"]);
  });
});
