import type { Person, Principal } from "../../domain/people/principal.ts";
import { newRun } from "../../domain/runs/creation.ts";
import { optionProblem } from "../../domain/runs/engine.ts";
import type { Urgency } from "../../domain/runs/job.ts";
import { refusedOption } from "../../domain/runs/option-rules.ts";
import { isFinal, plansAside, type Run, type RunOptions, type RunSource } from "../../domain/runs/run.ts";
import { tellCreation } from "../../domain/runs/timeline.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import { given } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { newId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { aboutWorkspace, asPerson, demand, findRun, findWorkspace, type Reference } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { invalid } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { checkVersion } from "../workspaces/settings.ts";
import { checkRunVariables } from "../workspaces/variable-checks.ts";
import { advanceRun, promoteNext, tell } from "./advance.ts";
import { asSpeculative, chosenConfiguration } from "./chosen-configuration.ts";
import { demandRunRoom } from "./quota.ts";
import { type RunView, viewRun } from "./view.ts";

/** A run as it is asked for. */
export interface NewRun {
  readonly workspace: Reference;
  /** Empty: the workspace's newest. */
  readonly configurationId: string;
  /** `isAutoApply` undefined: as the workspace says. */
  readonly options: Omit<RunOptions, "isAutoApply"> & { readonly isAutoApply: boolean | undefined };
  readonly message: string;
  /** Empty: not repeated. */
  readonly requestId: string;
  /** Absent: normal. */
  readonly urgency?: Urgency | undefined;
  /** Absent: not the command line. */
  readonly source?: RunSource | undefined;
}

/** Creates a run. It takes the workspace if it is free, and waits for it otherwise; plan-only runs and saved plans wait for nobody. */
export async function createRun(control: Control, who: Principal, wanted: NewRun): Promise<RunView> {
  const person = asPerson(who);
  const asked = await asSpeculative(control, person, wanted);
  demandStart(person, asked);
  refuseLargeVariables(asked.options.variables);
  checkRunVariables(asked.options.variables);
  const run = await changeAbout(control, aboutWorkspace(person, asked.workspace), async (tx, at) => {
    const create = async (): Promise<Run> => {
      const workspace = await findWorkspace(tx, person, asked.workspace);
      refuseLocal(workspace);
      refuseOptions(workspace, asked.options);
      const [, configuration] = await allSettled([
        demandRunRoom(control, tx, workspace),
        chosenConfiguration(tx, workspace, asked),
      ]);
      const options = { ...asked.options, isAutoApply: asked.options.isAutoApply ?? workspace.isAutoApply };
      const { message, urgency = 1, source = "api" } = asked;
      const wish = { workspace, configurationId: configuration.id, options, message, urgency, source };
      return insertRun(tx, at, { ...wish, person, retryOf: null });
    };
    const { requestId, ...body } = asked;
    return once(tx, { at: at.now, person, requestId, method: "CreateRun", body }, create, (id) =>
      findRun(tx, person, id),
    );
  });
  return control.store.read((q) => viewRun(control, q, run));
}

/** Refuses what `createRun` would refuse, as far as that is known without a configuration. */
export async function checkRun(
  control: Control,
  who: Principal,
  { workspace: reference, ...asked }: Pick<NewRun, "workspace" | "options" | "urgency">,
): Promise<void> {
  const person = asPerson(who);
  demandStart(person, asked);
  await control.store.read(async (q) => {
    const workspace = await findWorkspace(q, person, reference);
    refuseLocal(workspace);
    refuseOptions(workspace, asked.options);
    await demandRunRoom(control, q, workspace);
  });
}

const demandStart = (person: Person, { options, urgency }: Pick<NewRun, "options" | "urgency">): void =>
  demand(person, options.isPlanOnly && urgency !== 0 ? "plan" : "operate");

/** All values of a run's own variables: they are kept with the run, and again by whoever retries it. */
const maxVariableBytes = 512 * 1024;

function refuseLargeVariables(variables: NewRun["options"]["variables"]): void {
  const bytes = variables.reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
  if (bytes <= maxVariableBytes) return;
  throw invalid(
    "options.variables",
    `the values have ${bytes} bytes together: a run may have ${maxVariableBytes}. Set large ones as variables of the workspace`,
  );
}

/** All texts of a run's options: every answer about the run has them. */
const maxOptionBytes = 1024 * 1024;

function refuseLargeOptions({ targets, replacements, excludes = [], variables }: NewRun["options"]): void {
  const texts = { targets, replacements, excludes, variables: variables.flatMap(({ key, value }) => [key, value]) };
  const sizes = Object.entries(texts).map(([name, all]) => ({ name, bytes: Buffer.byteLength(all.join("")) }));
  const bytes = sizes.reduce((sum, part) => sum + part.bytes, 0);
  if (bytes <= maxOptionBytes) return;
  const [largest] = sizes.toSorted((a, b) => b.bytes - a.bytes);
  throw invalid(
    `options.${largest?.name}`,
    `the options of the run have ${bytes} bytes of addresses and variables together, ${largest?.bytes} of them here: a run may have ${maxOptionBytes}`,
  );
}

/** Refuses what the workspace's program does not know, what no program does, and too much of it. */
export function refuseOptions(workspace: Workspace, options: NewRun["options"]): void {
  const { name, engine } = workspace;
  checkVersion("options.engine_version", options.engineVersion);
  refuseLargeOptions(options);
  const refused = refusedOption(options, workspace);
  if (refused !== undefined) throw invalid(`options.${refused.option}`, refused.why);
  const problem = optionProblem(options, engine);
  if (problem === undefined) return;
  throw invalid(
    `options.${problem.option}`,
    problem.isOfEngine ? `workspace ${name} runs terraform: ${problem.why}` : problem.why,
  );
}

/** Refuses a workspace that only stores state. */
export function refuseLocal(workspace: Workspace): void {
  if (workspace.executionMode !== "local") return;
  throw new WindlassError(
    "execution_mode_local",
    `workspace ${workspace.name} is in local mode: it only stores state, and ${workspace.engine} runs on your own machine. Set its execution mode to remote or agent to start runs`,
    { metadata: { workspace: workspace.name } },
  );
}

/** What a run is made of. */
interface Ingredients extends Pick<Run, "configurationId" | "options" | "message" | "urgency" | "source" | "retryOf"> {
  readonly person: Person;
  readonly workspace: Workspace;
}

/** Inserts a run and lets it go as far as it can. */
export async function insertRun(tx: Queries, at: Change, { person, workspace, ...wish }: Ingredients): Promise<Run> {
  const { organizationId, id: workspaceId } = workspace;
  const origin = { id: newId("run", at.random), createdBy: actorOf(person), createdAt: at.now };
  const run = newRun({ ...wish, ...origin, organizationId, workspaceId });
  await tx.runs.insert(run);
  await tell(tx, at, { run, told: tellCreation(run), isMoved: true });
  const { id: resource, retryOf } = run;
  const detail = { workspace: workspace.name, ...given({ retry_of: retryOf ?? undefined }) };
  const action = retryOf === null ? "run.create" : "run.retry";
  await record(tx, person, { at: at.now, action, resource, organizationId, detail });
  return start(tx, at, run, workspace);
}

async function start(tx: Queries, at: Change, run: Run, { lock }: Workspace): Promise<Run> {
  if (plansAside(run)) await advanceRun(tx, at, { run, event: { kind: "workspace_acquired" } });
  else if (lock !== null) return run;
  else await promoteNext(tx, at, run.workspaceId);
  return (await tx.runs.get(run.id)) ?? run;
}

/** One run, by id. */
export const getRun = (control: Control, who: Principal, id: string): Promise<RunView> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    return viewRun(control, q, await findRun(q, person, id));
  });

/** The run now, and again at each change, until it has ended. A slow reader sees fewer, always the last. */
export async function* watchRun(
  control: Control,
  who: Principal,
  { id, signal }: { id: string; signal: AbortSignal },
): AsyncGenerator<RunView> {
  let sent = "";
  for (;;) {
    const seen = control.wake.version(topics.run(id), topics.jobs);
    const view = await getRun(control, who, id);
    // A wake-up without news is possible: compare what is shown, but for the seconds that pass.
    const shown = JSON.stringify(
      {
        version: view.run.version,
        plan: view.plan,
        apply: view.apply,
        waiting: view.waiting,
        resourcesDone: view.resourcesDone,
      },
      withoutLeases,
    );
    if (shown !== sent) yield view;
    sent = shown;
    if (isFinal(view.run.status)) return;
    // A place in a queue changes with other runs; nothing else does.
    const topicsToWatch = (view.waiting?.queuePosition ?? 0) > 0 ? [topics.run(id), topics.jobs] : [topics.run(id)];
    await control.wake.changedSince(topicsToWatch, seen, { timeoutMs: watchPollMs, signal });
  }
}

/** The floor under the wake-ups, and the pace at which queue positions are looked at again. */
const watchPollMs = 2_000;

const withoutLeases = (key: string, value: unknown): unknown => (key === "leaseUntil" ? undefined : value);
