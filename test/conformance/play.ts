import { setTimeout as pause } from "node:timers/promises";
import type { AgentCommand } from "./agent-process.ts";
import { Broken, Skipped } from "./demand.ts";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

export type Verdict = "passed" | "failed" | "skipped";

/** What came of one scenario. */
export interface Row {
  readonly rule: string;
  readonly level: Scenario["level"];
  readonly demands: string;
  readonly verdict: Verdict;
  readonly seen: string;
  readonly seconds: number;
  /** What the agent wrote; empty if the rule was kept. */
  readonly output: string;
}

export interface PlayOptions {
  readonly command: AgentCommand;
  /** How many scenarios play at once, each with an agent of its own. */
  readonly atOnce: number;
  readonly onRow?: (row: Row) => void;
  readonly signal?: AbortSignal | undefined;
}

/** No scenario takes longer. */
const curtainMs = 120_000;

/** Plays scenarios, some at once, and answers a row for each, in their order. */
export async function playAll(scenarios: readonly Scenario[], options: PlayOptions): Promise<readonly Row[]> {
  const rows = new Map<Scenario, Row>();
  const waiting = [...scenarios];
  const play = async () => {
    for (let next = waiting.shift(); next !== undefined && !options.signal?.aborted; next = waiting.shift()) {
      const row = await playOne(next, options);
      rows.set(next, row);
      options.onRow?.(row);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, play));
  return scenarios.flatMap((scenario) => rows.get(scenario) ?? []);
}

async function playOne(scenario: Scenario, { command, signal }: PlayOptions): Promise<Row> {
  const beganMs = performance.now();
  await using stage = await Stage.open({ command, isTls: scenario.isTls === true });
  const { verdict, seen } = await judge(scenario, stage, signal);
  return {
    ...{ rule: scenario.name, level: scenario.level, demands: scenario.demands, verdict, seen },
    seconds: Math.round((performance.now() - beganMs) / 100) / 10,
    output: verdict === "passed" ? "" : stage.output,
  };
}

/** A scenario that found nothing wrong still fails when a message broke a rule that always holds. */
async function judge(
  { play }: Scenario,
  stage: Stage,
  signal: AbortSignal | undefined,
): Promise<Pick<Row, "verdict" | "seen">> {
  using over = new DisposableStack();
  const ended = new AbortController();
  over.defer(() => ended.abort());
  const curtain = pause(curtainMs, undefined, { signal: AbortSignal.any([ended.signal, ...(signal ? [signal] : [])]) })
    .catch(() => {})
    .then((): never => {
      throw new Broken(signal?.aborted === true ? "interrupted" : `it took longer than ${curtainMs / 1000} s`);
    });
  curtain.catch(() => {});
  try {
    const seen = await Promise.race([play(stage), curtain]);
    const [fault] = stage.plane.record.faults;
    return fault === undefined ? { verdict: "passed", seen } : { verdict: "failed", seen: fault };
  } catch (error) {
    if (error instanceof Skipped) return { verdict: "skipped", seen: error.message };
    if (!(error instanceof Broken)) throw error;
    return { verdict: "failed", seen: [error.message, ...stage.plane.record.faults].join("; ") };
  }
}
