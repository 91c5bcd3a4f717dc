import { describe, expect, test } from "vitest";
import { decideState, type IncomingState, type Sender, type StoredState } from "./state-version.ts";

const job = "job_1";
const state = (serial: number, sha256 = `sha-${serial}`, lineage = "l") => ({ lineage, serial, sha256 });
type Named = ReturnType<typeof state>;

/** Of another job. */
const base = (of: Named): StoredState => ({ ...of, jobId: "job_0", jobSequence: 4, isFinal: true, baseSerial: null });
/** Of this job, which began with serial 3. */
const own = (of: Named, jobSequence: number, over: Partial<StoredState> = {}): StoredState => ({
  ...{ ...of, jobId: job, jobSequence, isFinal: false, baseSerial: 3 },
  ...over,
});
const brings = (of: Named, jobSequence: number, isFinal = false): IncomingState => ({ ...of, jobSequence, isFinal });

const sender = (over: Partial<Sender> = {}): Sender => ({
  ...{ jobId: job, holdsWorkspace: true, doubt: undefined, asideReason: undefined, newest: null },
  ...over,
});

describe("a state of an agent that does not count its states", () => {
  test.each([
    ["the first state", null, state(1), true, "accept"],
    ["a higher serial", state(1), state(2), true, "accept"],
    ["the same again", state(2), state(2), true, "known"],
    ["the same again after the run let go", state(2), state(2), false, "known"],
    ["the same serial, other content", state(2), state(2, "other"), true, "quarantine"],
    ["a lower serial", state(2), state(1), true, "quarantine"],
    ["another lineage", state(2), state(9, "x", "other"), true, "quarantine"],
    ["a serial that leaves no room for later ones", state(1), state(2 ** 53 - 1), true, "quarantine"],
    ["from a run that no longer holds the workspace", state(1), state(2), false, "quarantine"],
  ] as const)("%s", (_name, current, incoming, holdsWorkspace, expected) => {
    for (const before of [current === null ? null : base(current), current === null ? null : own(current, 0)])
      expect(decideState(before, brings(incoming, 0), sender({ holdsWorkspace })).kind).toBe(expected);
  });

  test("must rise even above the counted states of its own job", () => {
    expect(decideState(own(state(5), 2), brings(state(4), 0), sender()).kind).toBe("quarantine");
    expect(decideState(own(state(5), 2), brings(state(6), 0), sender()).kind).toBe("accept");
  });
});

describe("a state of an agent that counts its states", () => {
  test.each([
    ["the first state of a workspace", null, brings(state(1), 1), "accept"],
    ["a higher serial", base(state(3)), brings(state(4), 1), "accept"],
    ["the serial that the job began with, other content", base(state(3)), brings(state(3, "other"), 1), "accept"],
    [
      "what the job began with, byte for byte, for the agent has seen another",
      base(state(3)),
      brings(state(3), 2),
      "accept",
    ],
    ["a lower serial than the job began with", base(state(3)), brings(state(2), 1), "quarantine"],
    ["another lineage than the job began with", base(state(3)), brings(state(9, "x", "other"), 1), "quarantine"],
    ["a later word of the same job: a higher serial", own(state(4), 1), brings(state(5), 2), "accept"],
    ["… the same serial, other content", own(state(4), 1), brings(state(4, "other"), 2), "accept"],
    ["… back to the serial that the job began with", own(state(5), 2), brings(state(3), 3, true), "accept"],
    ["… below it", own(state(5), 2), brings(state(2), 3, true), "quarantine"],
    ["… another lineage", own(state(5), 2), brings(state(6, "x", "other"), 3, true), "quarantine"],
    [
      "… another lineage, where there was no state before the job",
      own(state(5), 2, { baseSerial: null }),
      brings(state(1, "x", "other"), 3),
      "accept",
    ],
    ["a snapshot that was overtaken on its way", own(state(5), 2), brings(state(4), 1), "outdated"],
    ["… although its serial is higher", own(state(4), 2), brings(state(5), 1), "outdated"],
    ["a snapshot that comes after the last word", own(state(4), 2, { isFinal: true }), brings(state(5), 9), "outdated"],
    ["the last word, whatever was counted", own(state(4), 9), brings(state(5), 1, true), "accept"],
    ["a last word after a last word", own(state(4), 2, { isFinal: true }), brings(state(4, "x"), 3, true), "accept"],
    ["an older last word", own(state(4), 2, { isFinal: true }), brings(state(4, "x"), 1, true), "quarantine"],
    ["a serial that leaves no room for later ones", own(state(4), 1), brings(state(2 ** 53 - 1), 2), "quarantine"],
    ["after uncounted ones of the same job", own(state(4), 0), brings(state(4, "other"), 5), "accept"],
    ["… a lower serial than theirs", own(state(4), 0), brings(state(3), 5), "quarantine"],
  ] as const)("%s", (_name, current, incoming, expected) => {
    const newest = current?.jobId === job ? current : null;
    expect(decideState(current, incoming, sender({ newest })).kind).toBe(expected);
  });

  test("is put aside when its run no longer holds the workspace, whatever the current one is", () => {
    for (const current of [null, base(state(3)), own(state(4), 1)])
      expect(decideState(current, brings(state(5), 2, true), sender({ holdsWorkspace: false }))).toEqual({
        kind: "quarantine",
        reason: "its run no longer holds the workspace",
      });
  });

  test("never replaces the same serial of another job that has the workspace by now", () => {
    const late = sender({ holdsWorkspace: false, newest: own(state(4), 1) });
    expect(decideState(base(state(4, "theirs")), brings(state(4, "ours"), 2, true), late).kind).toBe("quarantine");
  });

  test("is compared with what its job has aside as well", () => {
    const newest = own(state(5), 3);
    expect(decideState(base(state(3)), brings(state(4), 2), sender({ newest })).kind).toBe("outdated");
  });

  test("carries on what the job began with", () => {
    const decided = (current: StoredState | null) => decideState(current, brings(state(9), 9), sender());
    expect(decided(null)).toEqual({ kind: "accept", baseSerial: null });
    expect(decided(base(state(7)))).toEqual({ kind: "accept", baseSerial: 7 });
    expect(decided(own(state(8), 8))).toEqual({ kind: "accept", baseSerial: 3 });
    expect(decided(own(state(8), 8, { baseSerial: null }))).toEqual({ kind: "accept", baseSerial: null });
    expect(decided(own(state(8), 0, { baseSerial: null }))).toEqual({ kind: "accept", baseSerial: 8 });
  });
});

test.each([0, 1])("a state that its agent brings aside is put aside, and why (counted: %i)", (jobSequence) => {
  const reason = "its lineage is another one";
  for (const current of [null, base(state(3)), base(state(4))])
    expect(decideState(current, brings(state(4), jobSequence), sender({ asideReason: reason }))).toEqual({
      kind: "quarantine",
      reason,
    });
});

test.each([
  ["a higher serial", state(1), state(2), "quarantine"],
  ["the first state", null, state(1), "quarantine"],
  ["the same serial, other content", state(2), state(2, "other"), "quarantine"],
  ["what is stored already", state(2), state(2), "known"],
] as const)("%s of an agent that is not believed, and why", (_name, current, incoming, kind) => {
  const reason = "its token was stolen";
  const before = current === null ? null : base(current);
  expect(decideState(before, brings(incoming, 0), sender({ doubt: reason }))).toEqual(
    kind === "known" ? { kind } : { kind, reason },
  );
  if (kind === "known") return;
  expect(decideState(before, brings(incoming, 1, true), sender({ doubt: reason }))).toEqual({ kind, reason });
});
