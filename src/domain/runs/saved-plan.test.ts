import { expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { run } from "../../../test/support/store/rows.ts";
import type { WorkspaceLock } from "../workspaces/workspace.ts";
import { confirmationBar, maxSavedPlanMs, whyOutdated } from "./saved-plan.ts";

const now = new Date("2026-01-01T00:00:00Z");
const lock: WorkspaceLock = { kind: "person", by: "ana", reason: "", at: now };
const saved = run({ options: { ...plainOptions, isSavedPlan: true }, baseStateId: "sv_1", statusAt: now });
const free = { lock: null, currentStateId: "sv_1" } as const;

test("a saved plan can be confirmed while its workspace is free and has the state that it was made from", () => {
  expect(confirmationBar(saved, free)).toBeUndefined();
  expect(confirmationBar(saved, { ...free, lock })).toBe("held");
  expect(confirmationBar(saved, { ...free, currentStateId: "sv_2" })).toBe("stale");
  expect(confirmationBar(saved, { lock, currentStateId: null })).toBe("stale");
  expect(confirmationBar({ ...saved, baseStateId: null }, { lock: null, currentStateId: null })).toBeUndefined();
});

test("another run holds its workspace: nothing keeps it from being confirmed", () => {
  const plain = run({ options: plainOptions, baseStateId: null });
  expect(confirmationBar(plain, { lock, currentStateId: "sv_2" })).toBeUndefined();
  expect(whyOutdated(plain, { lock, currentStateId: "sv_2" }, new Date(now.getTime() + 2 * maxSavedPlanMs))).toBe(
    undefined,
  );
});

test("a saved plan is outdated once the state has moved, or after two weeks", () => {
  const later = (ms: number) => new Date(now.getTime() + ms);
  expect(whyOutdated(saved, free, later(maxSavedPlanMs))).toBeUndefined();
  expect(whyOutdated(saved, free, later(maxSavedPlanMs + 1))).toBe(
    "nobody has confirmed or discarded the saved plan within 14 days",
  );
  expect(whyOutdated(saved, { ...free, currentStateId: "sv_2" }, now)).toBe(
    "the plan was made from state sv_1, and the workspace has state sv_2 by now: make a new plan",
  );
});
