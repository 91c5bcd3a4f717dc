import { describe, expect, it } from "vitest";
import { withRun } from "./markdown.ts";
import type { Goal, MeasuredRow, Row } from "./part.ts";
import { digits, markdownTable, plainTable, shownRow, verdictOf } from "./table.ts";

const row = (change: Partial<MeasuredRow> = {}): MeasuredRow => ({
  ...{ kind: "measured", what: "a call", unit: "ms", samples: [30, 10, 20] },
  ...change,
});
const limit = { what: "bare", samples: [10, 12, 8] };

describe("the table of the benchmark", () => {
  it("shows the median with both ends, or the share that a row asks for", () => {
    expect(shownRow(row()).measured).toBe("20 ms (10 to 30)");
    expect(shownRow(row({ samples: [4] })).measured).toBe("4 ms");
    const many = Array.from({ length: 200 }, (_, n) => n);
    expect(shownRow(row({ samples: many })).measured).toBe("100 ms (20 to 180 for 8 of 10)");
    expect(shownRow(row({ samples: many, share: 0.99 })).measured).toBe("p99 198 ms (max 199, n 200)");
  });

  it("sets a figure beside its limit at the same share", () => {
    expect(shownRow(row({ limit }))).toMatchObject({ limit: "10 ms (bare)", ratio: "2 ×" });
    const tail = { samples: Array.from({ length: 100 }, (_, n) => n + 1) };
    expect(shownRow(row({ share: 0.99, limit: { what: "bare", ...tail } })).limit).toBe("100 ms (bare)");
  });

  it.each<[Goal, string, string]>([
    [{ kind: "at most", value: 20 }, "≤ 20 ms", "yes"],
    [{ kind: "at most", value: 10 }, "≤ 10 ms", "no, 2 × off"],
    [{ kind: "at least", value: 20 }, "≥ 20 ms", "yes"],
    [{ kind: "at least", value: 50 }, "≥ 50 ms", "no, 2.5 × off"],
    [{ kind: "at most of limit", times: 1.35 }, "≤ 1.35 × limit", "no, 1.48 × off"],
    [{ kind: "at most of limit", times: 1, plus: 15 }, "≤ limit + 15 ms", "yes"],
    [{ kind: "at least of limit", times: 0.8 }, "≥ 0.8 × limit", "yes"],
    [{ kind: "at most", value: 10, reference: 4 }, "≤ 10 ms (2.5 × limit)", "no, 2 × off; by ratio yes"],
  ])("judges the goal %o", (goal, text, verdict) => {
    expect(shownRow(row({ limit, goal }))).toMatchObject({ goal: text, verdict });
  });

  it("never calls a goal met of which nothing was measured", () => {
    for (const kind of ["at most", "at least"] as const)
      expect(verdictOf(row({ samples: [] }), { kind, value: 1 })).toBe("no: nothing measured");
    expect(verdictOf(row(), { kind: "at most of limit", times: 1 })).toBe("no: nothing measured");
  });

  it("keeps the digits that count", () => {
    expect([0, 0.0412, 3.618, 41.66, 123.4, 12_345.6].map(digits)).toEqual([
      "0",
      "0.0412",
      "3.62",
      "41.7",
      "123",
      "12,346",
    ]);
  });

  it("says loudly what was not measured, in every form", () => {
    const rows: readonly Row[] = [row(), { kind: "missing", what: "the same | on PostgreSQL", why: "there is none" }];
    expect(plainTable(rows)).toMatch(/^ {2}a call {2}20 ms/m);
    expect(plainTable(rows)).toContain("NOT MEASURED: there is none");
    expect(markdownTable(rows)).toContain("| the same \\| on PostgreSQL | NOT MEASURED: there is none |");
  });

  it("goes into a page between its two lines, with the machine and a word about its load", () => {
    const machine = {
      ...{ processors: "2 × slow", memoryGib: 4, load: [3, 2, 1], terraform: "1", node: "24", postgres: "none" },
      ...{ platform: "linux x64", commit: "abc" },
    };
    const run = { at: "2026-01-02T03:04:05Z", command: "scripts/bench", rounds: 3, machine, loadAfter: [1] };
    const parts = [{ name: "calls", about: "all calls", seconds: 1, rows: [row()] }];
    const page = withRun("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n", { ...run, parts });
    expect(page).toMatch(/^before\n<!-- bench: begin -->\n\n2026-01-02, `scripts\/bench`, rounds: 3\.\n/);
    expect(page).toContain("**Other programs were busy");
    expect(page).toContain("### calls: all calls\n\n| what |");
    expect(page).not.toContain("old");
    expect(page.endsWith("\n\n<!-- bench: end -->\nafter\n")).toBe(true);
    expect(() => withRun("no lines", { ...run, parts })).toThrow("expected the lines");
  });
});
