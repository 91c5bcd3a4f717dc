import type { Configuration } from "../domain/configuration.ts";
import type { Principal } from "../domain/principal.ts";
import { isFinal, type Run, type RunOptions, type RunStatus } from "../domain/run.ts";
import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import { isId, newId, type OrganizationId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization, findRun, findWorkspace, notFound, type Reference } from "./access.ts";
import { advanceRun, change, type Moment, promoteNext } from "./advance.ts";
import { actorOf, record } from "./audit.ts";
import { type Control, topics } from "./control.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "./pages.ts";
import { once } from "./requests.ts";
import { type RunView, viewRun, viewRuns } from "./run-view.ts";

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
}

/** Creates a run. It takes the workspace if it is free, and waits for it otherwise; plan-only runs wait for nobody. */
export async function createRun(control: Control, who: Principal, asked: NewRun): Promise<RunView> {
  const person = asPerson(who);
  demand(person, asked.options.isPlanOnly ? "plan" : "operate");
  const run = await change(control, async (tx, at) => {
    const create = async (): Promise<Run> => {
      const workspace = await findWorkspace(tx, person, asked.workspace);
      refuseLocal(workspace);
      const configuration = await findConfiguration(tx, workspace, asked.configurationId);
      const run = newRun(at, { asked, workspace, configuration, createdBy: actorOf(person) });
      await tx.runs.insert(run);
      await record(tx, person, {
        at: at.now,
        action: "run.create",
        resource: run.id,
        organizationId: run.organizationId,
        detail: { workspace: workspace.name },
      });
      return start(tx, at, run);
    };
    const { requestId, ...body } = asked;
    return once(tx, { at: at.now, person, requestId, method: "CreateRun", body }, create, (id) =>
      findRun(tx, person, id),
    );
  });
  return control.store.read((q) => viewRun(control, q, run));
}

function refuseLocal(workspace: Workspace): void {
  if (workspace.executionMode !== "local") return;
  throw new WindlassError(
    "execution_mode_local",
    `workspace ${workspace.name} is in local mode: it only stores state, and terraform runs on your own machine. Set its execution mode to remote or agent to start runs`,
    { metadata: { workspace: workspace.name } },
  );
}

async function findConfiguration(tx: Queries, workspace: Workspace, id: string): Promise<Configuration> {
  if (id === "") {
    const newest = await tx.configurations.newest(workspace.id);
    if (newest !== undefined) return newest;
    throw new WindlassError("validation", `workspace ${workspace.name} has no configuration yet: upload one`, {
      fields: [
        { field: "configuration_version_id", description: "the workspace has no configuration: upload one first" },
      ],
    });
  }
  const found = isId("cv", id) ? await tx.configurations.get(id) : undefined;
  if (found === undefined || found.workspaceId !== workspace.id) throw notFound("configuration version", id);
  return found;
}

interface Ingredients {
  readonly asked: NewRun;
  readonly workspace: Workspace;
  readonly configuration: Configuration;
  readonly createdBy: string;
}

function newRun({ now, random }: Moment, { asked, workspace, configuration, createdBy }: Ingredients): Run {
  return {
    id: newId("run", random),
    organizationId: workspace.organizationId,
    workspaceId: workspace.id,
    configurationId: configuration.id,
    status: "pending",
    options: { ...asked.options, isAutoApply: asked.options.isAutoApply ?? workspace.isAutoApply },
    message: asked.message,
    createdBy,
    createdAt: now,
    statusAt: now,
    hasChanges: false,
    plannedChanges: null,
    appliedChanges: null,
    planSha256: null,
    planBytes: null,
    planBlobKey: null,
    summaryBlobKey: null,
    decidedBy: "",
    decidedAt: null,
    decisionComment: "",
    cancelRequestedAt: null,
    errorMessage: "",
    resourcesInFlight: [],
    endedAt: null,
    version: 1,
  };
}

async function start(tx: Queries, at: Moment, run: Run): Promise<Run> {
  if (run.options.isPlanOnly) await advanceRun(tx, at, { run, event: { kind: "workspace_acquired" } });
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

export interface RunFilter {
  readonly organization: string;
  /** Empty: every workspace. */
  readonly workspace: string;
  readonly statuses: readonly RunStatus[];
}

/** Runs, newest first. */
export const listRuns = (
  control: Control,
  who: Principal,
  { filter, page }: { filter: RunFilter; page: PageRequest },
): Promise<Page<RunView>> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const workspace =
      filter.workspace === ""
        ? null
        : await findWorkspace(q, person, { organization: filter.organization, name: filter.workspace });
    const organizationId: OrganizationId =
      workspace?.organizationId ?? (await findOrganization(q, person, filter.organization)).id;
    const rows = { organizationId, workspaceId: workspace?.id ?? null, statuses: filter.statuses };
    const found = await pageByTime(
      page,
      (position) => q.runs.list(rows, position),
      (run) => run,
    );
    return withRows(found, await viewRuns(control, q, found.rows));
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
      { version: view.run.version, plan: view.plan, apply: view.apply, waiting: view.waiting },
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
