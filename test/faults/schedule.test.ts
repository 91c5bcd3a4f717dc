import { appendFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readEnvironment } from "../../src/lib/environment.ts";
import { fakeHabits } from "./fake-plan.ts";
import { type BatchReport, runBatch } from "./schedule.ts";

/**
 * `npm run test:faults -- --schedules N --seed S` sets these; see README.md. Without them one batch is run, always the
 * same: it has most kinds of faults, and the real terraform.
 */
const {
  WINDLASS_FAULTS_SCHEDULES: schedules = "12",
  WINDLASS_FAULTS_SEED: firstSeed = "3",
  WINDLASS_FAULTS_BATCH: batch = "12",
  WINDLASS_FAULTS_PARALLEL: parallel = "1",
  WINDLASS_FAULTS_REPORT: reportFile,
  WINDLASS_FAULTS_HABIT: askedHabit,
  WINDLASS_FAULTS_LINKS: links = "drawn",
  WINDLASS_FAULTS_REPLICAS: askedReplicas,
} = readEnvironment();

const habit = fakeHabits.find((known) => known === askedHabit);
const replicas = askedReplicas === undefined ? undefined : Number(askedReplicas);
const runsOfBatch = Number(batch);
const batches = Math.ceil(Number(schedules) / runsOfBatch);
const seeds = Array.from({ length: batches }, (_, index) => Number(firstSeed) + index);

describe("random schedules of faults", () => {
  test(`${schedules} runs from seed ${firstSeed} on keep every promise`, { timeout: batches * 600_000 }, async () => {
    const failed: string[] = [];
    const left = [...seeds];
    const next = async (): Promise<void> => {
      for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
        const failure = await oneBatch(seed);
        if (failure !== undefined) failed.push(failure);
      }
    };
    await Promise.all(Array.from({ length: Number(parallel) }, next));
    expect(failed).toEqual([]);
  });
});

/** Undefined when every promise was kept. */
async function oneBatch(seed: number): Promise<string | undefined> {
  const ofHabit = habit === undefined ? "" : ` --habit ${habit}`;
  const ofLinks = links === "none" ? " --links none" : "";
  const ofReplicas = replicas === undefined ? "" : ` --replicas ${replicas}`;
  const which = `${ofHabit}${ofLinks}${ofReplicas}`;
  const again = `npm run test:faults -- --seed ${seed} --schedules ${batch} --batch ${batch}${which}`;
  try {
    const options = { seed, runs: runsOfBatch, habit, hasLinks: links !== "none", replicas };
    const { evidence, ...report } = await runBatch(options);
    await tell(report);
    if (report.violations.length === 0) return undefined;
    console.error(`── seed ${seed}: ${report.violations.join("\n")}\nrun it again: ${again}\n${evidence}`);
    return `seed ${seed}: ${report.violations.join("; ")} (run it again: ${again})`;
  } catch (error) {
    console.error(`── seed ${seed}: ${String(error)}\nrun it again: ${again}`);
    return `seed ${seed}: ${String(error)} (run it again: ${again})`;
  }
}

async function tell(report: Omit<BatchReport, "evidence">): Promise<void> {
  const line = JSON.stringify(report);
  console.log(line);
  if (reportFile !== undefined) await appendFile(reportFile, `${line}\n`);
}
