import { describe, expect, test } from "vitest";
import { type KeptLost, keptLost, lostNote, lostSentence, lostWords, mustDecide } from "./lost.ts";

const one = (change: Partial<KeptLost> = {}): KeptLost => ({
  ...{ address: "t.a", action: "create", provider: "t", idKey: "id", id: "1", finishedAt: "" },
  ...{ held: "absent", isHidden: false, ...change },
});
const destroyed = one({ action: "delete", held: "present" });

describe("what a run keeps of what its apply has lost", () => {
  test("somebody has to decide about what would be made twice, and about nothing else", () => {
    expect([null, keptLost([destroyed], 1), keptLost([destroyed, one()], 2)].map(mustDecide)).toEqual([
      false,
      false,
      true,
    ]);
    expect(keptLost([], 0)).toBeNull();
  });

  test("what was made comes first, and the rest is counted", () => {
    const many = [destroyed, ...Array.from({ length: 1_200 }, (_, n) => one({ address: `t.a[${n}]` }))];
    const kept = keptLost(many, many.length);
    expect(kept?.resources.map(({ address }) => address)).toEqual(Array.from({ length: 1_000 }, (_, n) => `t.a[${n}]`));
    expect(kept?.count).toBe(1_201);
  });

  test("long ones are fewer", () => {
    const many = Array.from({ length: 100 }, () => one({ id: "x".repeat(8_000) }));
    expect(keptLost(many, 100)?.resources).toHaveLength(32);
  });

  test("the sentence counts what was made, and says what to do", () => {
    expect(lostSentence(keptLost([destroyed, one()], 2), "run_1")).toBe(
      "1 resource that was finished is in no state: `windlass run lost run_1` says which; the next plan would make them again, so that the workspace stays locked until somebody decides (`windlass run resolve run_1`)",
    );
    expect(lostSentence(keptLost([one({ held: "unknown" }), one()], 2), "run_1")).toMatch(
      /^2 resources that were finished may be in no state, because the last state cannot be read: /,
    );
    expect(lostSentence(keptLost([destroyed], 1), "run_1")).toBe("");
  });

  test("the words count all that were made, even those that are not in the list", () => {
    const words = (found: readonly KeptLost[], count: number) => lostWords({ resources: found, count });
    expect(words([one(), one()], 2)).toBe("2 resources that were finished are in no state");
    expect(words([one()], 700)).toBe("700 resources that were finished are in no state");
    expect(words([one(), destroyed], 2)).toBe("1 resource that was finished is in no state");
    expect(words([one({ held: "unknown" })], 1)).toBe(
      "1 resource that was finished may be in no state, because the last state cannot be read",
    );
  });

  test("a run without anything lost has no sentence", () => {
    expect([lostSentence(null, "run_1"), lostSentence(undefined, "run_1")]).toEqual(["", ""]);
  });

  test.each([
    ["create", "absent", /import it, or a plan makes it again$/],
    ["create", "other", /another object at this address: an import takes only once that one has left/],
    ["update", "unknown", /cannot be read: look whether it has it$/],
    ["delete", "present", /it was destroyed and the last state still has it/],
    ["update", "present", /^$/],
  ] as const)("what the last state says of one is noted: %s, %s", (action, held, note) => {
    expect(lostNote({ action, held })).toMatch(note);
  });
});
