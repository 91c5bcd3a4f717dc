import { describe, expect, test } from "vitest";
import { run } from "../../../test/support/store/rows.ts";
import type { LateEvidence } from "./job.ts";
import { type KeptLost, keptLost } from "./lost.ts";
import { errorText } from "./run-error.ts";

const resource: KeptLost = {
  ...{ address: "t.a", action: "create", provider: "t", idKey: "id", id: "1", finishedAt: "" },
  ...{ held: "absent", isHidden: false },
};
const lost = keptLost([resource], 1);
const endedAt = new Date("2026-01-01T00:00:00Z");
const cause = "agent vm-1 was lost during the apply: what it did is not known";
const gone = run({ status: "errored", endedAt, errorMessage: cause });
const evidence: LateEvidence = { outcome: "finished", exitCode: 0, message: "", state: { serial: 9, isAside: false } };
const back = (change: Partial<typeof gone>, facts: Partial<LateEvidence> = {}, now: typeof lost = null) =>
  errorText({ ...gone, ...change }, { kind: "recovered", cause, evidence: { ...evidence, ...facts }, lost: now });

describe("the error of a run whose lost agent has come back", () => {
  test("says what it told", () => {
    expect(back({})).toBe(
      `${cause}. Recovered: the agent came back, terraform had applied everything, state serial 9 was recovered`,
    );
    const failed = { outcome: "errored", exitCode: 1, message: "quota", state: null } as const;
    expect(back({ engine: "tofu" }, failed)).toBe(
      `${cause}. Recovered: the agent came back, tofu had ended with exit code 1 (quota), no state of it is stored`,
    );
    expect(back({}, { state: { serial: 9, isAside: true } })).toContain("state serial 9 is quarantined: look at it");
  });

  test("tells anew what is in no state, and forgets what its log alone told of that", () => {
    const errorMessage = errorText(gone, { kind: "broken_off", message: cause, lost });
    expect(errorMessage).toContain(`${cause}. 1 resource that was finished is in no state`);
    expect(back({ errorMessage, lost })).not.toContain("in no state");
    expect(back({ errorMessage, lost }, {}, lost)).toMatch(/^[^.]*\. Recovered: .*; 1 resource .*is in no state/);
  });

  test("keeps what somebody has decided upon, and the decision", () => {
    const told = { ...gone, errorMessage: errorText(gone, { kind: "broken_off", message: cause, lost }), lost };
    const how = "unlocked the workspace with the state it has";
    const errorMessage = errorText(told, { kind: "resolved", by: "ana", how });
    expect(back({ errorMessage, lost, decidedAt: endedAt })).toMatch(
      /is in no state.*\. Resolved: ana unlocked .*\. Recovered: the agent came back/,
    );
  });
});
