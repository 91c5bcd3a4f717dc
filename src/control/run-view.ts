import { mayUse } from "../domain/agent-pool.ts";
import type { Job } from "../domain/job.ts";
import { isFinal, phaseOf, type Run } from "../domain/run.ts";
import { type Waiting, whyWaiting } from "../domain/waiting.ts";
import type { Workspace } from "../domain/workspace.ts";
import type { StateVersionId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import type { Control } from "./control.ts";
import { agentFacts } from "./selectors.ts";

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
  readonly stateVersionId: StateVersionId | null;
}

/** Reads what belongs to the runs, in their order. */
export async function viewRuns(control: Control, q: Queries, runs: readonly Run[]): Promise<readonly RunView[]> {
  const jobs = Map.groupBy(await q.jobs.ofRuns(runs.map((run) => run.id)), (job) => job.runId);
  const workspaces = new Map(
    (await q.workspaces.byIds([...new Set(runs.map((run) => run.workspaceId))])).map((row) => [row.id, row]),
  );
  const names = new Map<string, string>();
  const views: RunView[] = [];
  for (const run of runs) {
    const organization = names.get(run.organizationId) ?? (await q.organizations.get(run.organizationId))?.name ?? "";
    names.set(run.organizationId, organization);
    views.push(
      await viewOne(control, q, {
        run,
        organization,
        workspace: workspaces.get(run.workspaceId),
        jobs: jobs.get(run.id) ?? [],
      }),
    );
  }
  return views;
}

/** Reads what belongs to one run. */
export async function viewRun(control: Control, q: Queries, run: Run): Promise<RunView> {
  const [view] = await viewRuns(control, q, [run]);
  if (view === undefined) throw new Error("a view for each run was expected");
  return view;
}

interface Parts {
  readonly run: Run;
  readonly organization: string;
  readonly workspace: Workspace | undefined;
  readonly jobs: readonly Job[];
}

async function viewOne(control: Control, q: Queries, { run, organization, workspace, jobs }: Parts): Promise<RunView> {
  const of = (phase: Job["phase"]): Job | null => jobs.find((job) => job.phase === phase) ?? null;
  const phase = phaseOf(run.status);
  const job = phase === null ? null : of(phase);
  const apply = of("apply");
  return {
    run,
    workspaceName: workspace?.name ?? "",
    organizationName: organization,
    plan: of("plan"),
    apply,
    resourcesDone: apply?.status === "started" ? control.presence.progressOf(apply) : 0,
    waiting:
      isFinal(run.status) || workspace === undefined ? null : await waitingOf(control, q, { run, workspace, job }),
    stateVersionId: apply === null ? null : ((await q.states.newestOfRun(run.id))?.id ?? null),
  };
}

async function waitingOf(
  control: Control,
  q: Queries,
  { run, workspace, job }: { run: Run; workspace: Workspace; job: Job | null },
): Promise<Waiting | null> {
  const pool = workspace.poolId === null ? undefined : await q.pools.get(workspace.poolId);
  const grants = pool === undefined ? [] : await q.pools.grants(pool.id);
  const pending = run.status === "pending" ? await q.runs.pending(workspace.id, 1000) : [];
  return whyWaiting({
    run,
    job,
    lock: workspace.lock,
    runsAhead: Math.max(
      0,
      pending.findIndex((other) => other.id === run.id),
    ),
    poolName: pool?.name ?? null,
    mayUsePool: pool === undefined || mayUse(pool, new Set(grants), workspace),
    agentSelector: workspace.agentSelector,
    agents: agentFacts(control, workspace, job?.phase ?? "plan"),
    jobsAhead: job?.status === "queued" ? await q.jobs.countAhead(job) : 0,
    agentSilentSince: await silence(control, q, job),
  });
}

/** When a running job's agent was last heard, once that is longer ago than two heartbeats. */
async function silence({ presence, clock, timing }: Control, q: Queries, job: Job | null): Promise<Date | null> {
  if (job === null || job.agentId === null || job.status !== "started") return null;
  if (presence.get(job.agentId) !== undefined) return null;
  const heardAt = (await q.agents.get(job.agentId))?.lastSeenAt ?? null;
  return heardAt !== null && clock.now().getTime() - heardAt.getTime() >= timing.heartbeatMs * 2 ? heardAt : null;
}
