import { wrappedPieces } from "../../src/lib/text/wrap-text.ts";
import type { Row } from "./play.ts";
import type { Scenario } from "./scenario.ts";

const width = 80;

/** A head, and beside it a text over as many lines as it takes. */
function beside(head: string, text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const room = width - head.length;
  const pieces = wrappedPieces(line, room, 0).flatMap(({ start, end }) => chunks(line.slice(start, end), room));
  return pieces.map((piece, index) => (index === 0 ? head : " ".repeat(head.length)) + piece).join("\n");
}

/** A word may be longer than the room for it. */
const chunks = (text: string, room: number): readonly string[] =>
  Array.from({ length: Math.max(1, Math.ceil(text.length / room)) }, (_, at) => text.slice(at * room, (at + 1) * room));

/** One line for people, or as many as it takes: rule, verdict, what was seen. */
export const rowText = ({ rule, level, verdict, seen }: Row): string =>
  beside(`${rule.padEnd(26)} ${level.padEnd(6)} ${verdict.padEnd(7)} `, seen);

export const headText = `${"RULE".padEnd(26)} ${"LEVEL".padEnd(6)} ${"RESULT".padEnd(7)} SEEN`;

/** The last line, after which nothing is left to say. */
export function sumText(rows: readonly Row[]): string {
  const count = (verdict: Row["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
  const must = rows.filter((row) => row.verdict === "failed" && row.level === "must").length;
  const sum = `${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`;
  return `${sum}: ${must === 0 ? "this agent conforms" : "this agent does not conform"}`;
}

/** Whether a rule was broken that every agent keeps. */
export const conforms = (rows: readonly Row[]): boolean =>
  rows.every(({ verdict, level }) => verdict !== "failed" || level === "should");

/** Every rule with what it demands. */
export const listText = (scenarios: readonly Scenario[]): string =>
  scenarios.map(({ name, level, demands }) => beside(`${name.padEnd(26)} ${level.padEnd(6)} `, demands)).join("\n");
