import { JsonScanner } from "../../lib/json/scan.ts";
import { type PlanFacts, type PlanSummary, summarizePlan } from "../../terraform/plan/plan.ts";
import { redactPlan } from "../../terraform/plan/redacted-plan.ts";
import { type Elsewhere, findElsewhere, type Outside } from "../plan-files/elsewhere.ts";
import { summaryParts } from "./plan-message.ts";

/** What is asked of the document that `show -json` printed to a file. */
export interface PlanQuestion {
  readonly path: string;
  readonly secrets: readonly string[];
  readonly facts: PlanFacts;
  readonly outside: Outside;
  /** What `providers schema -json` printed to, if the redacted plan is wanted. */
  readonly schemas?: string | undefined;
}

/** What leaves the agent of a plan, and what the job's end tells of it. */
export interface PlanDigest {
  readonly kind: "digested";
  /** The summary in encoded parts. */
  readonly summary: readonly Uint8Array[];
  readonly counts: ReturnType<typeof countsOf>;
  readonly elsewhere: readonly Elsewhere[];
  /** Where the document begins in what was printed, in bytes. */
  readonly documentAt: number;
  /** The redacted plan; undefined if it was not wanted, or cannot be made. */
  readonly redacted?: string | undefined;
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

/** What programs printed. */
export interface Printed {
  /** `show -json`, of the plan. */
  readonly plan: Buffer;
  /** `providers schema -json`, if the redacted plan is wanted. */
  readonly schemas: Buffer | undefined;
}

/** In a thread: refuses a document of too many values before it is parsed. */
export function digestLarge(printed: Printed, { question, maxValues }: DigestWork): PlanDigest | PlanTooLarge {
  const { plan } = printed;
  const scanner = new JsonScanner({ depth: 0, onScalar: () => {} });
  scanner.push(plan.subarray(Math.max(0, plan.lastIndexOf("\n{"))));
  if (scanner.values > maxValues) return { kind: "too-large", bytes: plan.length };
  return digest(printed, question);
}

/** From what was printed. */
export function digest(printed: Printed, { secrets, facts, outside }: PlanQuestion): PlanDigest {
  const output = printed.plan.toString("utf8");
  const document = documentIn(output);
  const summary = summarizePlan(document, secrets, facts);
  return {
    kind: "digested",
    summary: summaryParts(summary),
    counts: countsOf(summary),
    elsewhere: findElsewhere(document, outside),
    documentAt: Buffer.byteLength(output.slice(0, output.lastIndexOf(document))),
    redacted: redactedPlan(document, printed.schemas, secrets),
  };
}

/** A plan is no worse for schemas that cannot be read. */
function redactedPlan(document: string, schemas: Buffer | undefined, secrets: readonly string[]): string | undefined {
  if (schemas === undefined) return undefined;
  try {
    return redactPlan(document, schemas, secrets);
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
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
