import { expect } from "vitest";
import { playAll, type Row } from "./play.ts";
import { allScenarios } from "./scenarios/all.ts";

/** How long all rules may take together. */
export const conformanceMs = 10 * 60_000;

/** Plays every rule, and expects each to be kept; a failure shows what was seen, and what the agent wrote. */
export async function expectConformance(command: string): Promise<void> {
  const rows = await playAll(allScenarios, { command: { command, args: [] }, atOnce: 8 });
  const told = ({ rule, verdict, seen, output }: Row) => `${rule} ${verdict}: ${seen}\n${output.slice(-4_000)}`;
  expect(rows.filter(({ verdict }) => verdict !== "passed").map(told)).toEqual([]);
  expect(rows).toHaveLength(allScenarios.length);
}
