import { JsonScanner } from "../../lib/json/scan.ts";
import { type PlanFacts, type PlanSummary, summarizePlan } from "../../terraform/plan/plan.ts";
import { type Elsewhere, findElsewhere, type Outside } from "../plan-files/elsewhere.ts";
import { summaryParts } from "./plan-message.ts";

/** What is asked of the document that `show -json` printed to a file. */
export interface PlanQuestion {
  readonly path: string;
  readonly secrets: readonly string[];
  readonly facts: PlanFacts;
  readonly outside: Outside;
}

/** What leaves the agent of a plan, and what the job's end tells of it. */
export interface PlanDigest {
  readonly kind: "digested";
  /** The summary in encoded parts. */
  readonly summary: readonly Uint8Array[];
  readonly counts: ReturnType<typeof countsOf>;
  readonly elsewhere: readonly Elsewhere[];
}

export interface PlanTooLarge {
  readonly kind: "too-large";
  /** Of the document. */
  readonly bytes: number;
}

/** What a thread is given. */
export interface DigestWork {
  readonly question: PlanQuestion;
  readonly maxValues: number;
}

/** In a thread: refuses a document of too many values before it is parsed. */
export function digestLarge(output: Buffer, { question, maxValues }: DigestWork): PlanDigest | PlanTooLarge {
  const scanner = new JsonScanner({ depth: 0, onScalar: () => {} });
  scanner.push(output.subarray(Math.max(0, output.lastIndexOf("\n{"))));
  if (scanner.values > maxValues) return { kind: "too-large", bytes: output.length };
  return digest(output.toString("utf8"), question);
}

/** From what `show` printed. */
export function digest(output: string, { secrets, facts, outside }: Omit<PlanQuestion, "path">): PlanDigest {
  const document = documentIn(output);
  const summary = summarizePlan(document, secrets, facts);
  const elsewhere = findElsewhere(document, outside);
  return { kind: "digested", summary: summaryParts(summary), counts: countsOf(summary), elsewhere };
}

/** The JSON document among what `show` printed: warnings about the machine's configuration may stand before it. */
const documentIn = (output: string): string => output.split("\n").findLast((line) => line.startsWith("{")) ?? output;

const countsOf = ({ add, change, destroy, import: imported, forget, move, drift }: PlanSummary) => ({
  add,
  change,
  destroy,
  import: imported,
  forget,
  move,
  // A move is no change of the object.
  drift: drift.filter(({ action }) => action !== "no-op").length,
});
