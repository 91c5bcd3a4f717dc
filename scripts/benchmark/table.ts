import type { Goal, MeasuredRow, Row, Unit } from "./part.ts";
import { shareOf } from "./timing.ts";

/** A row as people read it. */
export interface ShownRow {
  readonly what: string;
  readonly measured: string;
  readonly limit: string;
  /** Measured ÷ limit. */
  readonly ratio: string;
  readonly goal: string;
  readonly verdict: string;
}

export const headings: ShownRow = {
  ...{ what: "what", measured: "measured", limit: "limit beside it", ratio: "ratio" },
  ...{ goal: "goal", verdict: "met" },
};

const nothing = "–";

export function shownRow(row: Row): ShownRow {
  const blank = { limit: nothing, ratio: nothing, goal: nothing, verdict: nothing };
  if (row.kind === "missing") return { ...blank, what: row.what, measured: `NOT MEASURED: ${row.why}` };
  const { what, unit, limit, goal } = row;
  return {
    what,
    measured: withSpread(row),
    limit: limit === undefined ? nothing : `${amount(limitOf(row), unit)} (${limit.what})`,
    ratio: limit === undefined ? nothing : `${digits(valueFrom(row) / limitOf(row))} ×`,
    goal: goal === undefined ? nothing : goalText(goal, unit),
    verdict: goal === undefined ? nothing : verdictOf(row, goal),
  };
}

export const valueFrom = ({ samples, share = 0.5 }: MeasuredRow): number => shareOf(samples, share);

const limitOf = ({ limit, share = 0.5 }: MeasuredRow): number => shareOf(limit?.samples ?? [], share);

/** The amount that a goal asks for, whatever it is told by. */
function target(row: MeasuredRow, goal: Goal): number {
  switch (goal.kind) {
    case "at most":
    case "at least":
      return goal.value;
    case "at most of limit":
      return goal.times * limitOf(row) + (goal.plus ?? 0);
    case "at least of limit":
      return goal.times * limitOf(row);
  }
}

const isCeiling = ({ kind }: Goal): boolean => kind === "at most" || kind === "at most of limit";

/** Whether a goal is met, and else by what factor it is missed; an amount that has a reference is judged by the ratio, too. */
export function verdictOf(row: MeasuredRow, goal: Goal): string {
  const factor = factorOff(row, goal, target(row, goal));
  if (!Number.isFinite(factor)) return "no: nothing measured";
  const ratio = ratioOf(goal);
  if (ratio === undefined || row.limit === undefined) return wordFor(factor);
  return `${wordFor(factor)}; by ratio ${wordFor(factorOff(row, goal, ratio * limitOf(row)))}`;
}

const wordFor = (factor: number): string => (factor <= 1 ? "yes" : `no, ${digits(factor)} × off`);

const factorOff = (row: MeasuredRow, goal: Goal, wanted: number): number =>
  isCeiling(goal) ? valueFrom(row) / wanted : wanted / valueFrom(row);

/** What an amount was of the limit beside which it was set. */
const ratioOf = (goal: Goal): number | undefined =>
  "reference" in goal && goal.reference !== undefined ? goal.value / goal.reference : undefined;

function goalText(goal: Goal, unit: Unit): string {
  const sign = isCeiling(goal) ? "≤" : "≥";
  switch (goal.kind) {
    case "at most":
    case "at least": {
      const ratio = ratioOf(goal);
      return `${sign} ${amount(goal.value, unit)}${ratio === undefined ? "" : ` (${digits(ratio)} × limit)`}`;
    }
    case "at most of limit":
      if (goal.plus !== undefined) return `${sign} limit + ${amount(goal.plus, unit)}`;
      return `${sign} ${digits(goal.times)} × limit`;
    case "at least of limit":
      return `${sign} ${digits(goal.times)} × limit`;
  }
}

/** Few samples show both ends; many show their tenths, and a slowest hundredth shows the very slowest. */
function withSpread(row: MeasuredRow): string {
  const { samples, unit, share = 0.5 } = row;
  const value = amount(valueFrom(row), unit);
  if (samples.length < 2) return value;
  if (share !== 0.5)
    return `p${Math.round(share * 100)} ${value} (max ${digits(shareOf(samples, 1))}, n ${samples.length})`;
  const [low, high] = samples.length < 20 ? [0, 1] : [0.1, 0.9];
  const from = digits(shareOf(samples, low));
  const to = digits(shareOf(samples, high));
  return `${value} (${from} to ${to}${samples.length < 20 ? "" : " for 8 of 10"})`;
}

/** Three digits that count, and all before the point: 0.0412, 3.62, 41.7, 12,346. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "?";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

const amount = (value: number, unit: Unit): string => {
  if (unit === "") return digits(value);
  return unit === "/s" ? `${digits(value)}/s` : `${digits(value)} ${unit}`;
};

const columns = ["what", "measured", "limit", "ratio", "goal", "verdict"] as const;

/** Columns of equal width; a missing row is one line over them. */
export function plainTable(rows: readonly Row[]): string {
  const shown = [headings, ...rows.filter(({ kind }) => kind === "measured").map(shownRow)];
  const widths = columns.map((name) => Math.max(...shown.map((row) => row[name].length)));
  const line = (row: ShownRow) => columns.map((name, index) => row[name].padEnd(widths[index] ?? 0)).join("  ");
  const lineOf = (row: Row) =>
    row.kind === "measured" ? line(shownRow(row)) : `${row.what}: ${shownRow(row).measured}`;
  return [line(headings), ...rows.map(lineOf)].map((text) => `  ${text.trimEnd()}`).join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

export function markdownTable(rows: readonly Row[]): string {
  const line = (row: ShownRow) => `| ${columns.map((name) => cell(row[name])).join(" | ")} |`;
  return [line(headings), `|${columns.map(() => " --- ").join("|")}|`, ...rows.map((row) => line(shownRow(row)))].join(
    "\n",
  );
}
