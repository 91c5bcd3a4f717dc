import { type AgentPool, mayUse } from "../../domain/agents/pool.ts";
import { type Job, newestOf } from "../../domain/runs/job.ts";
import { isFinal, phaseOf, type Run } from "../../domain/runs/run.ts";
import { type ConfirmationBar, confirmationBar } from "../../domain/runs/saved-plan.ts";
import { type Waiting, whyWaiting } from "../../domain/runs/waiting.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import type { JobId, PoolId, RunId, StateVersionId, WorkspaceId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { arrivalText, type JobProgress } from "../core/presence.ts";
import { type FactsOf, rememberedFacts } from "../core/selectors.ts";
import { type KeptView, keptOfRun } from "./kept.ts";
import { endTold, silentSince } from "./silence.ts";

/** A run as its readers see it: with names, jobs, and why it waits. */
export interface RunView {
  readonly run: Run;
  readonly workspaceName: string;
  readonly organizationName: string;
  readonly plan: Job | null;
  readonly apply: Job | null;
  /** How many resources the apply has dealt with so far, while it runs and its agent is connected. */
  readonly resourcesDone: number;
  readonly waiting: Waiting | null;
  /** Whether a person may confirm it now. */
  readonly isConfirmable: boolean;
  readonly stateVersionId: StateVersionId | null;
  /** Directories of its jobs that stay on agents; in views of one run only. */
  readonly keptDirectories: readonly KeptView[];
}

/** Reads what belongs to the runs, in their order. */
export async function viewRuns(control: Control, q: Queries, runs: readonly Run[]): Promise<readonly RunView[]> {
  const around = await readAround(q, runs);
  const queues = await readQueues(control, q, { runs, ...around });
  const jobs = Map.groupBy(around.jobs, (job) => job.runId);
  const views: RunView[] = [];
  for (const run of runs) {
    const organization = around.organizations.get(run.organizationId) ?? "";
    const workspace = around.workspaces.get(run.workspaceId);
    views.push(await viewOne(control, q, { run, organization, workspace, jobs: jobs.get(run.id) ?? [], queues }));
  }
  return views;
}

/** Reads what belongs to one run. */
export async function viewRun(control: Control, q: Queries, run: Run): Promise<RunView> {
  const [[view], keptDirectories] = await allSettled([viewRuns(control, q, [run]), keptOfRun(q, run)]);
  if (view === undefined) throw new Error("a view for each run was expected");
  return { ...view, keptDirectories };
}

/** Jobs, workspaces and names of organizations of runs: none needs the other, and they are asked for together. */
async function readAround(q: Queries, runs: readonly Run[]) {
  const organizationIds = [...new Set(runs.map((run) => run.organizationId))];
  const [jobs, workspaces, organizations] = await allSettled([
    q.jobs.ofRuns(runs.map((run) => run.id)),
    q.workspaces.byIds([...new Set(runs.map((run) => run.workspaceId))]),
    allSettled(organizationIds.map((id) => q.organizations.get(id))),
  ]);
  return {
    jobs,
    workspaces: new Map(workspaces.map((row) => [row.id, row])),
    organizations: new Map(organizations.flatMap((row) => (row === undefined ? [] : [[row.id, row.name] as const]))),
  };
}

interface QueuePool {
  readonly pool: AgentPool;
  readonly grants: ReadonlySet<string>;
}

/** What the runs of one list wait behind, read once for all of them. */
interface Queues {
  readonly runsAhead: ReadonlyMap<RunId, number>;
  /** Runs that hold the workspaces of those that wait for one. */
  readonly holders: ReadonlyMap<RunId, Run>;
  readonly jobsAhead: ReadonlyMap<JobId, number>;
  poolOf(id: PoolId): Promise<QueuePool | undefined>;
  readonly factsOf: FactsOf;
}

interface Read {
  readonly runs: readonly Run[];
  readonly jobs: readonly Job[];
  readonly workspaces: ReadonlyMap<WorkspaceId, Workspace>;
}

async function holdersOf(q: Queries, runs: readonly Run[], workspaces: Read["workspaces"]) {
  const ids = runs
    .filter(({ status }) => status === "pending")
    .flatMap(({ workspaceId }) => {
      const lock = workspaces.get(workspaceId)?.lock;
      return lock?.kind === "run" ? [lock.runId] : [];
    });
  return new Map((await q.runs.byIds([...new Set(ids)])).map((run) => [run.id, run]));
}

async function readQueues(control: Control, q: Queries, { runs, jobs, workspaces }: Read): Promise<Queues> {
  const pools = new Map<PoolId, QueuePool | undefined>();
  const [holders, runsAhead, jobsAhead] = await allSettled([
    holdersOf(q, runs, workspaces),
    q.runs.runsAhead(runs.filter(({ status }) => status === "pending").map(({ id }) => id)),
    q.jobs.jobsAhead(jobs.filter(({ status }) => status === "queued").map(({ id }) => id)),
  ]);
  return {
    ...{ holders, runsAhead, jobsAhead },
    factsOf: rememberedFacts(control),
    poolOf: async (id) => {
      if (pools.has(id)) return pools.get(id);
      const pool = await q.pools.get(id);
      const found = pool === undefined ? undefined : { pool, grants: new Set(await q.pools.grants(id)) };
      pools.set(id, found);
      return found;
    },
  };
}

interface Parts {
  readonly run: Run;
  readonly organization: string;
  readonly workspace: Workspace | undefined;
  readonly jobs: readonly Job[];
  readonly queues: Queues;
}

async function viewOne(control: Control, q: Queries, parts: Parts): Promise<RunView> {
  const { run, organization, workspace, jobs, queues } = parts;
  const of = (phase: Job["phase"]): Job | null => newestOf(jobs, phase) ?? null;
  const phase = phaseOf(run.status);
  const job = phase === null ? null : of(phase);
  const apply = of("apply");
  const bar = workspace === undefined ? undefined : confirmationBar(run, workspace);
  return {
    run,
    workspaceName: workspace?.name ?? "",
    organizationName: organization,
    plan: of("plan"),
    apply,
    resourcesDone: apply?.status === "started" ? control.presence.progressOf(apply).resourcesDone : 0,
    waiting: mayWait(run, workspace) ? await waitingOf(control, q, { run, workspace, job, queues, bar }) : null,
    isConfirmable: run.status === "planned" && bar === undefined,
    stateVersionId: apply === null ? null : ((await q.states.newestOfRun(run.id))?.id ?? null),
    keptDirectories: [],
  };
}

/** A run that has ended waits only if it still holds its workspace. */
const mayWait = ({ id, status }: Run, workspace: Workspace | undefined): workspace is Workspace =>
  workspace !== undefined && (!isFinal(status) || (workspace.lock?.kind === "run" && workspace.lock.runId === id));

interface Waited extends Pick<Parts, "run" | "queues"> {
  readonly workspace: Workspace;
  readonly job: Job | null;
  readonly bar: ConfirmationBar | undefined;
}

async function waitingOf(
  control: Control,
  q: Queries,
  { run, workspace, job, queues, bar }: Waited,
): Promise<Waiting | null> {
  const used = workspace.poolId === null ? undefined : await queues.poolOf(workspace.poolId);
  return whyWaiting({
    run,
    job,
    bar,
    lock: workspace.lock,
    holder: workspace.lock?.kind === "run" ? queues.holders.get(workspace.lock.runId) : undefined,
    runsAhead: queues.runsAhead.get(run.id) ?? 0,
    poolName: used?.pool.name ?? null,
    noServerAgent: control.noServerAgent,
    mayUsePool: used === undefined || mayUse(used.pool, used.grants, workspace),
    workspaceName: workspace.name,
    agentSelector: workspace.agentSelector,
    agents: queues.factsOf(workspace, { ...(job ?? undecided), options: run.options }),
    jobsAhead: (job === null ? undefined : queues.jobsAhead.get(job.id)) ?? 0,
    agentSilentSince: await silentSince(control, q, job),
    endTold: endTold(control, job),
    ...(job === null ? nothingKnown : textsOf(control.presence.progressOf(job), arrivalOf(control, job))),
  });
}

const nothingKnown = { preparing: "", delivering: "", wayProblem: "" };
const textsOf = ({ preparing, delivering, wayProblem }: JobProgress, arrival: string) => ({
  preparing,
  delivering,
  wayProblem: wayProblem || arrival,
});

/** What keeps a job's agent from opening a stream, though it registers. */
function arrivalOf({ presence, clock }: Pick<Control, "presence" | "clock">, job: Job | null): string {
  const arrival = presence.arrivals(clock.monotonicMs()).find(({ agentId }) => agentId === job?.agentId);
  return arrival === undefined || arrival.wayProblem === "" ? "" : arrivalText(arrival);
}

/** What a job that is not there yet would ask for. */
const undecided = { phase: "plan", engine: null, engineVersion: "" } as const;
