import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { JsonScanner } from "../terraform/json-scan.ts";
import { type PlanFacts, type PlanSummary, summarizePlan } from "../terraform/plan.ts";
import { type Elsewhere, findElsewhere, type Outside } from "./plan-files/elsewhere.ts";
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

/** A job decides what its plan is: a larger document is read beside everything else, with a memory of its own. */
const smallBytes = 2 * 1024 * 1024;
/** Secrets with more characters are looked for in the thread, too: getting ready for that may take seconds. */
const fewCharacters = 8 * 1024;
/**
 * Values of a document, each of which costs memory: the limit of a thread's memory is not looked at while JSON is parsed, and one
 * that is passed there ends the whole process.
 */
const maxValues = 8_000_000;
/** No text of this engine may be longer than 512 MiB. */
const maxBytes = 384 * 1024 * 1024;
const maxMemoryMb = 3 * 1024;

export interface DigestLimits {
  readonly smallBytes?: number;
  readonly maxValues?: number;
  readonly maxMemoryMb?: number;
}

/** Reads a plan's document, however costly it is, without holding up anything else. */
export async function digestPlan(
  question: PlanQuestion,
  limits: DigestLimits = {},
): Promise<PlanDigest | PlanTooLarge> {
  const { size } = await stat(question.path);
  if (size > maxBytes) return { kind: "too-large", bytes: size };
  const characters = question.secrets.reduce((sum, { length }) => sum + length, 0);
  if (size <= (limits.smallBytes ?? smallBytes) && characters <= fewCharacters)
    return digest(await readFile(question.path, "utf8"), question);
  const resourceLimits = { maxOldGenerationSizeMb: limits.maxMemoryMb ?? maxMemoryMb };
  const thread = new Worker(new URL("./plan-digest-thread.ts", import.meta.url), {
    workerData: { question, maxValues: limits.maxValues ?? maxValues } satisfies DigestWork,
    resourceLimits,
  });
  try {
    const [found] = (await once(thread, "message")) as [PlanDigest | PlanTooLarge];
    return found;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY")
      return { kind: "too-large", bytes: size };
    throw error;
  } finally {
    await thread.terminate();
  }
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
  ...{ add, change, destroy, import: imported, forget, move },
  // A move is no change of the object.
  drift: drift.filter(({ action }) => action !== "no-op").length,
});
