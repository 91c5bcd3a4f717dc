import { touch } from "../../../lib/fs/at-once.ts";
import type { ApplyProgress } from "../../../terraform/output/apply-progress.ts";
import { findEmergencyState } from "../../../terraform/state/emergency-state.ts";
import type { GivenState } from "../../../terraform/state/given-state.ts";
import { type FinalState, StateWatcher } from "../../../terraform/state/watcher.ts";
import { engineNameOf } from "../../contract/engine-name.ts";
import { isOutOfSpace } from "../../disk/durable-files.ts";
import { idsOf } from "../../jobs/job.ts";
import type { Execution } from "../execution.ts";
import { note } from "../job-notes.ts";
import type { StepEnd } from "../job-steps.ts";
import { isSuccess } from "../phase-steps.ts";
import type { StateDelivery } from "./deliver-state.ts";
import { erroredFileOf, stateFileOf } from "./state-place.ts";

const retryMs = 1_000;

/** Copies the states of an apply, and offers them for delivery. */
export function watchState(
  execution: Pick<Execution, "job" | "context" | "place" | "ready">,
  { delivery, given }: { readonly delivery: StateDelivery; readonly given: GivenState | undefined },
): Promise<StateWatcher> {
  const { job, context } = execution;
  return StateWatcher.open({
    file: stateFileOf(execution),
    erroredFile: erroredFileOf(execution),
    within: job.files.work,
    spoolDir: job.files.states,
    given,
    clock: context.clock,
    onSnapshot: (snapshot) => delivery.offer(snapshot),
    onProblem: (error) => {
      context.log.error({ ...idsOf(job), err: error }, "a state could not be copied yet");
      if (isOutOfSpace(error)) void context.reserve.release("a state cannot be copied");
    },
  });
}

/** The state of an apply that has ended. */
export interface SettledState {
  readonly final: FinalState;
  /** What became of states that could not be delivered, for people. */
  readonly problems: readonly string[];
}

/** An apply that has ended, and what has followed its state. */
export interface Settlement {
  readonly end: StepEnd;
  readonly watcher: StateWatcher;
  readonly delivery: StateDelivery;
}

type Ended = Pick<Execution, "job" | "context" | "steps">;

/** Looks at the state for the last time, and delivers it. */
export async function settleState(execution: Ended, { end, watcher, delivery }: Settlement): Promise<SettledState> {
  const final = await settleWatcher(execution, watcher, isSuccess(end));
  const problems: string[] = [];
  const problem = final.newest === undefined ? undefined : await delivery.deliverLast(final.newest);
  if (problem !== undefined) problems.push(problem);
  for (const aside of final.aside) problems.push(await delivery.deliverAside(aside));
  return { final, problems };
}

/** Says what is wrong, and keeps the job's directory when something is in it that nobody else has. */
export async function tellStateProblems({ job, context }: Ended, applied: AppliedState): Promise<string | undefined> {
  const { problems, final } = applied.settled;
  const loss = stateLossOf(applied);
  if (loss === undefined) return problems.length === 0 ? undefined : problems.join("; ");
  const told = `the state that ${engineNameOf(job.spec)} wrote cannot be taken: ${loss.why}`;
  const { newest } = final;
  const last = newest === undefined ? [] : [`the last good one before it has the serial ${newest.serial}`];
  if (!loss.isOnlyHere) return [told, ...last, ...problems].join("; ");
  const kept = `${told}; it is kept in the agent's directory ${job.files.root}`;
  if (job.journal.last("state_undelivered") === undefined) {
    await note(job, context, { kind: "state_undelivered", reason: kept });
  }
  return [kept, ...last, ...problems].join("; ");
}

async function settleWatcher(
  { job, context, steps }: Ended,
  watcher: StateWatcher,
  isSuccess: boolean,
): Promise<FinalState> {
  const output = steps.outputPath("apply");
  for (;;) {
    try {
      await touch(output);
      return await watcher.settle({ isSuccess, printed: await findEmergencyState(output) });
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      if (await context.reserve.release("the last state cannot be copied")) continue;
      context.log.error({ ...idsOf(job), err: error }, "disk full: the last state waits to be copied");
      await context.clock.sleep(retryMs, context.stopping);
    }
  }
}

/** What is known of an apply once its state was looked at for the last time. */
export interface AppliedState {
  readonly end: StepEnd;
  readonly progress: Pick<ApplyProgress, "counts">;
  readonly settled: SettledState;
}

/** A state that should be there and is not. */
interface StateLoss {
  /** As in "the state that ${engineNameOf(job.spec)} wrote cannot be taken: …". */
  readonly why: string;
  /** What lies in its place was brought to nobody. */
  readonly isOnlyHere: boolean;
}

/** Why the end of an apply left no good state; undefined when it did. Terraform's own end is believed. */
function stateLossOf({ end, progress, settled }: AppliedState): StateLoss | undefined {
  const { newest, file, loss } = settled.final;
  if (loss !== undefined && !isCutOff(end, settled.final)) return { why: loss, isOnlyHere: file !== "valid" };
  const { added, destroyed, imported, forgotten } = progress.counts;
  if (newest !== undefined || added + destroyed + imported + forgotten === 0) return undefined;
  if (file === "missing") return { why: "it is gone", isOnlyHere: true };
  if (isOwnEnd(end)) return undefined;
  const found = file === "empty" ? "it is empty" : "it is as it was before";
  const why = `${found}, but resources were changed: the log says which, and the next plan will not know them`;
  return { why, isOnlyHere: false };
}

/**
 * The program was ended in the middle of writing its file: then the newest copy is the state, or the one from before
 * the apply when none was written whole. An empty file holds nothing that anybody could still want.
 */
function isCutOff(end: StepEnd, { newest, file }: FinalState): boolean {
  if (isSuccess(end)) return false;
  return newest === undefined ? file === "empty" && !isOwnEnd(end) : file === "torn" || file === "empty";
}

/** Terraform writes its state before it ends by itself, be it with 1 because something failed. */
export const isOwnEnd = (end: StepEnd): boolean => end.kind === "exited" && (end.code === 0 || end.code === 1);
