import { type Flag, type Flags, flagName } from "../line/flags.ts";

/** One line for each flag: how it is written, and what it is for. */
export function flagLines(flags: Flags): readonly string[] {
  const rows = Object.entries(flags).map(([key, flag]) => [written(key, flag), about(flag)] as const);
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function written(key: string, { short, kind, placeholder }: Flag<unknown>): string {
  const value = kind === "switch" ? "" : ` ${placeholder ?? "TEXT"}`;
  return `${short === undefined ? "    " : `-${short}, `}--${flagName(key)}${value}`;
}

function about({ about: text, choices, placeholder }: Flag<unknown>): string {
  const listed = choices === undefined || placeholder === choices.join("|") ? "" : ` (${choices.join(", ")})`;
  return text + listed;
}
