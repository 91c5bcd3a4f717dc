import { join } from "node:path";
import { linkSignals } from "../lib/abort.ts";
import { ApplyProgress } from "../terraform/apply-progress.ts";
import { applyArgv } from "../terraform/argv.ts";
import { findEmergencyState } from "../terraform/emergency-state.ts";
import { createTextRedactor, sensitiveMark } from "../terraform/redact.ts";
import { type FinalState, StateWatcher } from "../terraform/state-watcher.ts";
import { writeApplyVariables } from "../terraform/variables.ts";
import { StateDelivery } from "./deliver-state.ts";
import { isOutOfSpace, touch } from "./durable-files.ts";
import type { Execution } from "./execute.ts";
import { idsOf, note } from "./job-notes.ts";
import type { StepEnd } from "./job-steps.ts";
import { failureOf, initialize, isSuccess } from "./phase-steps.ts";
import { addressesInFlight, errored, finished, type PhaseEnd } from "./results.ts";
import { placeSharedStates } from "./shared-states.ts";

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
  const settled = await settle(execution, { watcher, delivery });
  return await phaseEnd(execution, { end, progress, settled });
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
    const { terraform, shared } = await variables;
    await placeSharedStates(place.directory, shared);
    await writeApplyVariables(place.directory, terraform);
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
  readonly final: FinalState;
  /** What became of states that could not be delivered, for people. */
  readonly problems: readonly string[];
}

/** Looks at the state for the last time, and delivers it. */
async function settle(
  execution: Execution,
  { watcher, delivery }: { readonly watcher: StateWatcher; readonly delivery: StateDelivery },
): Promise<Settled> {
  const final = await settleWatcher(execution, watcher);
  const problems: string[] = [];
  const problem = final.newest === undefined ? undefined : await delivery.deliverLast(final.newest);
  if (problem !== undefined) problems.push(problem);
  for (const snapshot of final.quarantined) problems.push(await delivery.deliverAside(snapshot));
  return { final, problems };
}

/** Why what terraform wrote is not the state that was delivered; after a kill, the newest copy of a torn file is the state. */
function lossOf({ newest, file, loss }: FinalState, end: StepEnd, { counts }: ApplyProgress): string | undefined {
  const isAfterKill = !isSuccess(end) && newest !== undefined && (file === "torn" || file === "empty");
  if (loss !== undefined) return isAfterKill ? undefined : loss;
  const isChanged = counts.added + counts.destroyed > 0;
  if (newest !== undefined || !isChanged) return undefined;
  return file === "missing" ? "it is gone" : "it is as it was before, but resources were changed";
}

/** Says what is wrong, and keeps the job's directory when something is in it that nobody else has. */
async function tellProblems(execution: Execution, { end, progress, settled }: Applied): Promise<string | undefined> {
  const { job, site } = execution;
  const loss = lossOf(settled.final, end, progress);
  if (loss === undefined) return settled.problems.length === 0 ? undefined : settled.problems.join("; ");
  const kept = `the state that terraform wrote cannot be taken: ${loss}; it is kept in the agent's directory ${job.files.root}`;
  if (job.journal.last("state_undelivered") === undefined) {
    await note(job, site, { kind: "state_undelivered", reason: kept });
  }
  return [kept, ...settled.problems].join("; ");
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
  readonly settled: Settled;
}

/** Addresses without secrets; when nobody can tell the secrets any more, without any index key. */
async function shownAddresses({ variables }: Execution, { inFlight }: ApplyProgress): Promise<readonly string[]> {
  const addresses = inFlight.map(({ address }) => address);
  if (addresses.length === 0) return [];
  const secrets = await variables.then(
    (found) => found.secrets,
    () => undefined,
  );
  if (secrets !== undefined) return addresses.map(createTextRedactor(secrets));
  return addresses.map((address) => address.replaceAll(/"(?:[^"\\]|\\.)*"/gs, `"${sensitiveMark}"`));
}

/** Counts and addresses come from the events, which are read in whole before this. */
async function phaseEnd(execution: Execution, applied: Applied): Promise<PhaseEnd> {
  const { job, log } = execution;
  const { end, progress, settled } = applied;
  await log.caughtUp();
  const { added, changed, destroyed, imported } = progress.counts;
  const problem = await tellProblems(execution, applied);
  const facts = {
    counts: { add: added, change: changed, destroy: destroyed, import: imported },
    stateSerial: settled.final.newest?.serial ?? 0,
    resourcesInFlight: addressesInFlight(await shownAddresses(execution, progress)),
  };
  if (isSuccess(end)) return problem === undefined ? finished(facts) : errored(problem, { ...facts, exitCode: 0 });
  const failure = { ...failureOf(job, "apply", end), ...facts };
  return problem === undefined ? failure : { ...failure, errorMessage: `${failure.errorMessage}; ${problem}` };
}
