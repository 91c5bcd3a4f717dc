import { linkSignals } from "../../lib/async/abort.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { variablesOfApply, writeVariables } from "../../terraform/configuration/variables.ts";
import { applyArgv } from "../../terraform/engines/argv.ts";
import { walkOfApply } from "../../terraform/engines/early-interrupt.ts";
import { ApplyProgress, type ResourceAction } from "../../terraform/output/apply-progress.ts";
import type { TerraformEvent } from "../../terraform/output/events.ts";
import { firstOfDiagnostics } from "../../terraform/output/first-error.ts";
import { makeTextRedactor } from "../../terraform/redaction/redact.ts";
import type { StateSnapshot } from "../../terraform/state/spool.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import { freshDirectory, removeFile } from "../disk/durable-files.ts";
import { configurationRoot } from "../jobs/files.ts";
import { placePlanFiles } from "../plan-files/place.ts";
import type { Execution } from "./execution.ts";
import { endOfHook, failureOf } from "./failures.ts";
import type { StepEnd } from "./job-steps.ts";
import { secretsOfJob } from "./job-variables.ts";
import { initialize, isSuccess } from "./phase-steps.ts";
import { errored, finished, type PhaseEnd, toldInFlight } from "./results.ts";
import { runShow } from "./shown-plan.ts";
import { StateDelivery } from "./states/deliver-state.ts";
import { applyWords } from "./states/deposed-keys.ts";
import { lostFinished, withoutKeys } from "./states/lost-finished.ts";
import { givenState } from "./states/seed-state.ts";
import { type SettledState, settleState, tellStateProblems, watchState } from "./states/settle-state.ts";
import { placeSharedStates } from "./states/shared-states.ts";
import { stateArgument } from "./states/state-place.ts";

/** Applies a saved plan: init if the configuration asks for it, apply, and deliver the state, during it and at its end. */
export async function applyPhase(execution: Execution): Promise<PhaseEnd> {
  const { job, context } = execution;
  const over = (await initialize(execution)) ?? (await endBefore(execution));
  if (over !== undefined) return over;
  let acknowledged: (snapshot: StateSnapshot) => Promise<void> = async () => {};
  await using delivery = new StateDelivery(job, context, (snapshot) => acknowledged(snapshot));
  await using watcher = await watchState(execution, { delivery, given: await givenState(execution) });
  acknowledged = (snapshot) => watcher.acknowledge(snapshot);
  const progress = new ApplyProgress();
  const end = await guarded(execution, () => apply(execution, progress));
  const settled = await settleState(execution, { end, watcher, delivery });
  const applied = await phaseEnd(execution, { end, progress, settled });
  // What was applied stays applied.
  await execution.hooks.tell("post-apply", await execution.hooks.after("post-apply", { exitCode: applied.exitCode }));
  return applied;
}

/** The hooks that look at the plan before it is applied. */
async function endBefore(execution: Execution): Promise<PhaseEnd | undefined> {
  const { hooks, steps } = execution;
  if (!hooks.has("pre-apply", false)) return undefined;
  const show = await runShow(execution, { isUrgent: true });
  if (!isSuccess(show)) return failureOf(execution, "show", { end: show });
  return endOfHook(execution, await hooks.before("pre-apply", { planJson: steps.outputPath("show") }));
}

/** Terraform's own state needs space before ours does. */
async function guarded<T>({ context }: Execution, action: () => Promise<T>): Promise<T> {
  using over = linkSignals(context.stopping);
  const guarding = context.reserve.guard(over.signal);
  try {
    return await action();
  } finally {
    over.abort();
    await guarding;
  }
}

async function apply(execution: Execution, progress: ApplyProgress): Promise<StepEnd> {
  const { job, steps, place, ready, variables } = execution;
  const argv = async () => {
    const { terraform, shared, environment } = await variables;
    await placePlanFiles(job.files.planFiles, configurationRoot(job.files.work));
    failpoint("agent.plan-files-placed");
    await placeSharedStates(execution, shared);
    const applying = {
      workingDirectory: place.directory,
      engine: engineNameOf(job.spec),
      version: ready.engineVersion,
      encryption: environment.find(({ name }) => name === "TF_ENCRYPTION")?.value ?? "",
    };
    const given = await variablesOfApply(terraform, applying);
    const varFiles = await writeVariables(await freshDirectory(job.files.variables), given);
    const parallelism = job.spec.options?.parallelism ?? 0;
    const state = stateArgument(execution);
    return applyArgv({
      plan: place.seen(job.files.planFile),
      varFiles: varFiles.map(place.seen),
      state,
      parallelism: parallelism === 0 ? undefined : parallelism,
      suppressForgetErrors: job.spec.options?.suppressForgetErrors ?? false,
    });
  };
  const observe = (event: TerraformEvent) => {
    progress.observe(event);
    const { added, changed, destroyed } = progress.counts;
    job.noteProgress(added + changed + destroyed);
  };
  const output = { kind: "events", observe, words: applyWords(execution) } as const;
  const end = await steps.run({ name: "apply", argv, output, hold: walkOfApply });
  await removeFile(job.files.variables);
  return end;
}

const leftBehind =
  "everything is destroyed or forgotten, as planned, and tofu takes what it only forgot for an error: it stays in the world, as the plan says. " +
  "There is nothing to try again; to have such a run end well, start it with --suppress-forget-errors";

interface Applied {
  readonly end: StepEnd;
  readonly progress: ApplyProgress;
  readonly settled: SettledState;
}

/** What is in flight without secrets; when nobody can tell the secrets any more, without any index key and id. */
async function shownInFlight(
  { job, variables }: Execution,
  { inFlight }: ApplyProgress,
): Promise<readonly ResourceAction[]> {
  if (inFlight.length === 0) return [];
  const secrets = await secretsOfJob(job, variables).catch(() => undefined);
  if (secrets === undefined) return inFlight.map(({ address, action }) => ({ address: withoutKeys(address), action }));
  const shown = await makeTextRedactor(secrets);
  return inFlight.map(({ address, id, ...rest }) => ({
    ...rest,
    address: shown(address),
    id: id === undefined ? undefined : shown(id),
  }));
}

/** Counts and addresses come from the events, which are read in whole before this. */
async function phaseEnd(execution: Execution, applied: Applied): Promise<PhaseEnd> {
  const { log } = execution;
  const { end, progress, settled } = applied;
  await log.caughtUp();
  const { added, changed, destroyed, imported, forgotten } = progress.counts;
  const problem = await tellStateProblems(execution, applied);
  const facts = {
    counts: { add: added, change: changed, destroy: destroyed, import: imported, forget: forgotten, move: 0, drift: 0 },
    stateSerial: settled.final.newest?.serial ?? 0,
    stateSha256: settled.final.newest?.sha256 ?? "",
    ...toldInFlight(await shownInFlight(execution, progress)),
    ...(await lostFinished(execution, { end, progress, final: settled.final })),
  };
  if (isSuccess(end)) return problem === undefined ? finished(facts) : errored(problem, { ...facts, exitCode: 0 });
  const first = firstOfDiagnostics(progress.errors, progress.errorCount);
  const told = await failureOf(execution, "apply", { end, first });
  const isOnlyLeft = told.outcome === "errored" && progress.hasOnlyLeftBehind;
  const failure = { ...told, errorMessage: isOnlyLeft ? leftBehind : told.errorMessage, ...facts };
  return problem === undefined
    ? failure
    : { ...failure, errorMessage: `${failure.errorMessage}; ${problem}`.slice(0, 4096) };
}
