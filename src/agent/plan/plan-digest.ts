import { readFile, stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { firstMessage } from "../../lib/async/threads.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { type DigestWork, digest, type PlanDigest, type PlanQuestion, type PlanTooLarge } from "./plan-reading.ts";

/** A job decides what its plan is: a larger document is read beside everything else, with a memory of its own. */
const smallBytes = 2 * 1024 * 1024;
/** Secrets with more characters are looked for in the thread, too: getting ready for that may take seconds. */
const fewCharacters = 8 * 1024;
/**
 * Values of a document, each of which costs memory: the limit of a thread's memory is not looked at while JSON is
 * parsed, and one that is passed there ends the whole process.
 */
const maxValues = 8_000_000;
/** No text of this engine may be longer than 512 MiB. */
const maxBytes = 384 * 1024 * 1024;
const maxMemoryMb = 3 * 1024;

export interface DigestLimits {
  readonly smallBytes?: number | undefined;
  readonly maxValues?: number | undefined;
  readonly maxMemoryMb?: number | undefined;
}

/** Reads a plan's document, however costly it is, without holding up anything else. */
export async function digestPlan(
  question: PlanQuestion,
  limits: DigestLimits = {},
): Promise<PlanDigest | PlanTooLarge> {
  const { path, schemas } = question;
  const { size } = await stat(path);
  const sizeWithSchemas = size + (schemas === undefined ? 0 : (await stat(schemas)).size);
  if (size > maxBytes) return { kind: "too-large", bytes: size };
  const characters = question.secrets.reduce((sum, { length }) => sum + length, 0);
  if (sizeWithSchemas <= (limits.smallBytes ?? smallBytes) && characters <= fewCharacters) {
    const read = schemas === undefined ? undefined : await readFile(schemas);
    return digest({ plan: await readFile(path), schemas: read }, question);
  }
  const resourceLimits = { maxOldGenerationSizeMb: limits.maxMemoryMb ?? maxMemoryMb };
  const thread = new Worker(new URL("./plan-digest-thread.ts", import.meta.url), {
    workerData: { question, maxValues: limits.maxValues ?? maxValues } satisfies DigestWork,
    resourceLimits,
  });
  try {
    return await firstMessage<PlanDigest | PlanTooLarge>(thread);
  } catch (error) {
    if (errnoOf(error) === "ERR_WORKER_OUT_OF_MEMORY") return { kind: "too-large", bytes: size };
    throw error;
  } finally {
    await thread.terminate();
  }
}
