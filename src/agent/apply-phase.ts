import { join } from "node:path";
import { linkSignals } from "../lib/abort.ts";
import { ApplyProgress } from "../terraform/apply-progress.ts";
import { applyArgv } from "../terraform/argv.ts";
import { findEmergencyState } from "../terraform/emergency-state.ts";
import { type FinalState, StateWatcher } from "../terraform/state-watcher.ts";
import { writeApplyVariables } from "../terraform/variables.ts";
import { StateDelivery } from "./deliver-state.ts";
import { isOutOfSpace, touch } from "./durable-files.ts";
import type { Execution } from "./execute.ts";
import { idsOf } from "./job-notes.ts";
import type { StepEnd } from "./job-steps.ts";
import { failureOf, initialize, isSuccess } from "./phase-steps.ts";
import { addressesInFlight, finished, type PhaseEnd } from "./results.ts";

const retryMs = 1_000;

/** Applies a saved plan: init if the configuration asks for it, apply, and deliver the state, during it and at its end. */
export async function applyPhase(execution: Execution): Promise<PhaseEnd> {
  const { job, site } = execution;
  const over = await initialize(execution);
  if (over !== undefined) return over;
  let acknowledged: (serial: number) => Promise<void> = async () => {};
  await using delivery = new StateDelivery(job, site, (serial) => acknowledged(serial));
  await using watcher = await watchState(execution, delivery);
  acknowledged = (serial) => watcher.acknowledge(serial);
  const progress = new ApplyProgress();
  const end = await guarded(execution, () => apply(execution, progress));
  const { newest, problem } = await settle(execution, { watcher, delivery });
  return await phaseEnd(execution, { end, progress, stateSerial: newest?.serial ?? 0, problem });
}

/** Terraform's own state needs space before ours does. */
async function guarded<T>({ site }: Execution, action: () => Promise<T>): Promise<T> {
  using over = linkSignals(site.stopping);
  const guarding = site.reserve.guard(over.signal);
  try {
    return await action();
  } finally {
    over.abort();
    await guarding;
  }
}

function watchState({ job, site, place }: Execution, delivery: StateDelivery): Promise<StateWatcher> {
  const { state } = job.spec;
  return StateWatcher.open({
    file: join(place.directory, "terraform.tfstate"),
    within: job.files.work,
    spoolDir: job.files.states,
    given: state === undefined ? undefined : { lineage: state.lineage, serial: Number(state.serial) },
    clock: site.clock,
    onSnapshot: (snapshot) => delivery.offer(snapshot),
    onProblem: (error) => {
      site.log.error({ ...idsOf(job), err: error }, "a state could not be copied yet");
      if (isOutOfSpace(error)) void site.reserve.release("a state cannot be copied");
    },
  });
}

async function apply({ job, steps, place, variables }: Execution, progress: ApplyProgress): Promise<StepEnd> {
  const argv = async () => {
    await writeApplyVariables(place.directory, (await variables).terraform);
    const parallelism = job.spec.options?.parallelism ?? 0;
    return applyArgv({ plan: place.seen(job.files.planFile), ...(parallelism === 0 ? {} : { parallelism }) });
  };
  const observe = (event: Parameters<ApplyProgress["observe"]>[0]) => {
    progress.observe(event);
    const { added, changed, destroyed } = progress.counts;
    job.noteProgress(added + changed + destroyed);
  };
  return steps.run({ name: "apply", argv, output: { kind: "events", observe } });
}

interface Settled {
  readonly newest: FinalState["newest"];
  /** What is wrong with the state, for people. */
  readonly problem: string | undefined;
}

/** Looks at the state for the last time, and delivers it. */
async function settle(
  execution: Execution,
  { watcher, delivery }: { readonly watcher: StateWatcher; readonly delivery: StateDelivery },
): Promise<Settled> {
  const { newest, quarantined } = await settleWatcher(execution, watcher);
  const aside =
    quarantined.length === 0 ? undefined : `a state of another lineage was put aside: ${quarantined.join(", ")}`;
  if (newest === undefined) return { newest, problem: aside };
  const undelivered = await delivery.deliverLast(newest);
  return { newest, problem: undelivered ?? aside };
}

async function settleWatcher({ job, site, steps }: Execution, watcher: StateWatcher): Promise<FinalState> {
  const output = steps.outputPath("apply");
  for (;;) {
    try {
      await touch(output);
      return await watcher.settle(await findEmergencyState(output));
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      if (await site.reserve.release("the last state cannot be copied")) continue;
      site.log.error({ ...idsOf(job), err: error }, "disk full: the last state waits to be copied");
      await site.clock.sleep(retryMs, site.stopping);
    }
  }
}

interface Applied {
  readonly end: StepEnd;
  readonly progress: ApplyProgress;
  readonly stateSerial: number;
  readonly problem: string | undefined;
}

/** Counts and addresses come from the events, which are read in whole before this. */
async function phaseEnd({ job, log }: Execution, { end, progress, stateSerial, problem }: Applied): Promise<PhaseEnd> {
  await log.caughtUp();
  const { added, changed, destroyed } = progress.counts;
  const facts = {
    counts: { add: added, change: changed, destroy: destroyed, import: 0 },
    stateSerial,
    resourcesInFlight: addressesInFlight(progress.inFlight.map(({ address }) => address)),
  };
  if (isSuccess(end)) return { ...finished(facts), errorMessage: problem ?? "" };
  const failure = { ...failureOf(job, "apply", end), ...facts };
  return problem === undefined ? failure : { ...failure, errorMessage: `${failure.errorMessage}; ${problem}` };
}
