import { join } from "node:path";
import * as z from "zod";
import type { Clock } from "../../lib/clock.ts";
import { readFile } from "../../lib/fs/at-once.ts";
import { createSynced } from "../../lib/fs/durable.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { holdShape } from "./interrupt-hold.ts";
import { type ProcessIdentity, parseIdentity } from "./process-identity.ts";

/** How often, and how many times, the shell of a step is looked for that has begun and not yet said who it is. */
const lookMs = 10;
const looks = 500;

const startShape = z.object({
  bootId: z.string(),
  isSandboxed: z.boolean().default(false),
  /** Its control group, if it has one. */
  group: z.string().optional(),
  hold: holdShape.optional(),
});

/**
 * Undefined as well for a file that is not whole: the agent ended while it wrote it, and it is whole before anything is
 * started.
 */
export async function readStart(dir: string): Promise<z.infer<typeof startShape> | undefined> {
  const text = await readFile(join(dir, "start.json"), "utf8").catch(() => "");
  return startShape.safeParse(parsedJson(text)).data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * False when the agent ended before it came to start the step's shell, or so early that the shell has not begun: then
 * it never will. One that has is given time to say who it is.
 */
export async function hasBegun(dir: string, clock: Clock): Promise<boolean> {
  if (await isKnown(dir)) return true;
  if (await isGivenUp(dir)) return false;
  for (let check = 0; check < looks && !(await isKnown(dir)); check += 1) await clock.sleep(lookMs);
  return true;
}

const isKnown = async (dir: string): Promise<boolean> =>
  (await readIdentity(dir, "wrapper")) !== undefined || (await readIdentity(dir, "pid")) !== undefined;

/** Claims the step, so that its shell can begin no more. True also if an earlier agent did; false if the shell was first. */
async function isGivenUp(dir: string): Promise<boolean> {
  const path = join(dir, "claim");
  try {
    await createSynced(path, givenUp);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    return (await readFile(path, "utf8")) === givenUp;
  }
}

const givenUp = "never started\n";

/** The process that a step's shell wrote down; undefined before it did. */
export async function readIdentity(dir: string, name: "wrapper" | "pid"): Promise<ProcessIdentity | undefined> {
  return parseIdentity(await readFile(join(dir, name), "utf8").catch(() => ""));
}
