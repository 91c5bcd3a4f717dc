import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { messageOf } from "../../src/lib/values/errors.ts";
import { Storage } from "./control-plane.ts";
import { Violation } from "./ledger.ts";
import { runSchedule } from "./run-schedule.ts";
import { type Schedule, schedules } from "./schedule.ts";
import { seededRandom } from "./seeded-random.ts";
import type { Spoil } from "./spoils.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface Play {
  readonly count: number;
  /** Longest schedule. */
  readonly maxSteps: number;
  readonly seed: number;
  /** Played before the random ones. */
  readonly stories?: readonly Schedule[];
  readonly mutant?: Mutant;
}

/** What is made wrong on purpose, and the promise that it breaks. The first failure is enough: it is not shrunk. */
export interface Mutant {
  readonly spoil: Spoil;
  /** Whatever else it breaks is passed over, so that the check of this promise is what finds it. */
  readonly breaks: string;
}

/** Memory, where there is a file system in it: a schedule syncs some hundred files. */
const root = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Plays random schedules until one breaks a promise, and shrinks that one. */
export async function play({ count, maxSteps, seed, stories = [], mutant }: Play): Promise<fc.RunDetails<[Schedule]>> {
  const dir = await mkdtemp(join(root, "windlass-schedules-"));
  try {
    await using storage = await Storage.make(dir, new VirtualClock(), seededRandom(1));
    const holds = fc.asyncProperty(schedules(maxSteps), async (each) => {
      await runSchedule(storage, each, mutant?.spoil).catch((error: unknown) => {
        if (mutant === undefined || brokenBy(error) === mutant.breaks) throw error;
      });
    });
    const examples = stories.map((told): [Schedule] => [told]);
    return await fc.check(holds, { numRuns: count, seed, examples, endOnFailure: mutant !== undefined });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const brokenBy = (error: unknown): string | undefined =>
  error instanceof Error && error.cause instanceof Violation ? error.cause.invariant : undefined;

/** What a person needs to see and repeat a failure; empty if there was none. */
export function verdict({
  failed,
  seed,
  counterexamplePath,
  numRuns,
  counterexample,
  errorInstance,
}: Awaited<ReturnType<typeof play>>): string {
  if (!failed) return "";
  const why = messageOf(errorInstance);
  const [schedule] = counterexample ?? [];
  return `schedule ${numRuns} of seed ${seed} (path ${counterexamplePath}): ${why}\n${JSON.stringify(schedule)}`;
}
