import { describe, expect, test } from "vitest";
import { runRow } from "../../../test/support/rows.ts";
import { workspace } from "../../../test/support/store/rows.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import { holderOf, invalid, lockedError, refuseTooLarge, runAdvice } from "./refusals.ts";

const at = new Date("2026-03-01T10:00:00Z");
const run = (change: Partial<Run>): Run => runRow(workspace(), { id: "run_1", ...change });

test("what is wrong with a field is said with its name, for people and for programs", () => {
  expect(invalid("name", "expected a name")).toMatchObject({
    ...{ code: "validation", message: "name: expected a name" },
    fields: [{ field: "name", description: "expected a name" }],
  });
});

test("an upload is refused by what it announces, at one byte more than is accepted", () => {
  expect(() => refuseTooLarge("state", 100n, 100)).not.toThrow();
  expect(() => refuseTooLarge("state", 101n, 100)).toThrow("the state has 101 bytes: at most 100 are accepted");
  // Numbers of that size are no safe integers.
  expect(() => refuseTooLarge("state", 2n ** 64n, Number.MAX_SAFE_INTEGER)).toThrow("18446744073709551616 bytes");
});

describe("a workspace that is locked", () => {
  test("by a person: by whom, since when and why", () => {
    const lock = { kind: "person", by: "ana (key_1)", reason: "migration", at } as const;
    expect(holderOf(lock)).toBe("ana (key_1)");
    const locked = lockedError(workspace({ lock }), "Unlock it first");
    expect(locked.message).toBe(
      'workspace "network" is locked by ana (key_1) since 2026-03-01T10:00:00.000Z (migration). Unlock it first',
    );
    expect(locked).toMatchObject({
      code: "workspace_locked",
      metadata: {
        ...{ workspace: "network", locked_by: "ana (key_1)", run_id: "", run_state: "" },
        ...{ since: at.toISOString(), reason: "migration" },
      },
    });
    expect(lockedError(workspace({ lock: { ...lock, reason: "" } }), "Go").message).toMatch(/000Z\. Go$/);
  });

  test("by a run: by which, and how it is", () => {
    const lock = { kind: "run", runId: "run_1", at } as const;
    expect(holderOf(lock)).toBe("run run_1");
    expect(lockedError(workspace({ lock }), "Wait", run({ status: "planned" }))).toMatchObject({
      message: expect.stringContaining("is locked by run run_1 since"),
      metadata: { locked_by: "run run_1", run_id: "run_1", run_state: "planned", reason: "" },
    });
  });

  test("by nobody has no holder", () => {
    expect(holderOf(null)).toBe("");
  });
});

describe("what ends the lock of a run", () => {
  test.each<readonly [RunStatus, string]>([
    ["planned", "The run waits to be confirmed or discarded: windlass run confirm run_1"],
    ["plan_queued", "The run is plan queued and releases it at its end: windlass run cancel run_1"],
    ["applying", "The run is applying and releases it at its end: windlass run cancel run_1"],
    [
      "errored",
      "The run ended as errored (no disk). Look at what it did to the real resources, then decide: windlass run resolve run_1",
    ],
    [
      "force_canceled",
      "The run ended as force-canceled (no disk). Look at what it did to the real resources, then decide: windlass run resolve run_1",
    ],
  ])("that is %s", (status, advice) => {
    expect(runAdvice(run({ status, errorMessage: "no disk" }))).toBe(advice);
  });

  test("that ended without a word has no empty brackets", () => {
    expect(runAdvice(run({ status: "canceled" }))).toMatch(/^The run ended as canceled\. Look/);
  });
});
