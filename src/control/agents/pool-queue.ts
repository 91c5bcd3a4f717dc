import { type AgentPool, mayUse } from "../../domain/agents/pool.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import { type Waiting, whyWaiting } from "../../domain/runs/waiting.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Queries, QueuePosition } from "../../store/ports/store.ts";
import { asPerson, demand, findPool, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type Cursor, cursorBy, cursorOf, malformedToken } from "../core/cursor.ts";
import { type Page, type PageRequest, pageByKey, withRows } from "../core/pages.ts";
import { type FactsOf, rememberedFacts } from "../core/selectors.ts";

/** A job that waits for an agent of a pool, and why. */
export interface QueuedJobView {
  readonly job: Job;
  readonly run: Run;
  readonly workspaceName: string;
  readonly waiting: Waiting;
}

/** The jobs that wait for the agents of a pool, in the order in which they will be given out. */
export async function listQueuedJobs(
  control: Control,
  who: Principal,
  { reference, page }: { readonly reference: Reference; readonly page: PageRequest },
): Promise<Page<QueuedJobView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const pool = await findPool(q, person, reference);
    const jobs = await pageByKey(page, {
      cursor: queueCursor,
      read: (places) => q.jobs.queuedOfPool(pool.id, places),
      keyOf: (job: Job) => job,
    });
    return withRows(jobs, await viewQueue(control, q, { pool, jobs: jobs.rows }));
  });
}

const queueCursor: Cursor<QueuePosition> = cursorBy(cursorOf("number", "number", "instant", "text"), {
  toTuple: ({ rank, urgency, queuedAt, id }) => [rank, urgency, queuedAt, id],
  toPlace: ([rank, urgency, queuedAt, id]) => {
    if (isId("job", id) && (urgency === 0 || urgency === 1 || urgency === 2)) return { rank, urgency, queuedAt, id };
    throw malformedToken();
  },
});

/** Reads why queued jobs of one pool wait: jobs that follow one another in its queue. */
export async function viewQueue(
  control: Control,
  q: Queries,
  { pool, jobs }: { readonly pool: AgentPool; readonly jobs: readonly Job[] },
): Promise<readonly QueuedJobView[]> {
  const [first] = jobs;
  if (first === undefined) return [];
  const ahead = (await q.jobs.jobsAhead([first.id])).get(first.id) ?? 0;
  const grants = new Set(await q.pools.grants(pool.id));
  const runs = new Map((await q.runs.byIds(jobs.map(({ runId }) => runId))).map((row) => [row.id, row]));
  const workspaceIds = [...new Set(jobs.map(({ workspaceId }) => workspaceId))];
  const workspaces = new Map((await q.workspaces.byIds(workspaceIds)).map((row) => [row.id, row]));
  const factsOf = rememberedFacts(control);
  return jobs.flatMap((job, index) => {
    const run = runs.get(job.runId);
    const workspace = workspaces.get(job.workspaceId);
    if (run === undefined || workspace === undefined) return [];
    const waiting = whyQueued({ pool, grants, job, run, workspace, jobsAhead: ahead + index, factsOf });
    return waiting === null ? [] : [{ job, run, workspaceName: workspace.name, waiting }];
  });
}

interface QueueFacts {
  readonly pool: AgentPool;
  readonly grants: ReadonlySet<string>;
  readonly job: Job;
  readonly run: Run;
  readonly workspace: Workspace;
  readonly jobsAhead: number;
  readonly factsOf: FactsOf;
}

/** The same rule as a run's own. */
const whyQueued = ({ pool, grants, job, run, workspace, jobsAhead, factsOf }: QueueFacts): Waiting | null =>
  whyWaiting({
    run,
    job,
    lock: workspace.lock,
    runsAhead: 0,
    poolName: pool.name,
    mayUsePool: mayUse(pool, grants, workspace),
    workspaceName: workspace.name,
    agentSelector: workspace.agentSelector,
    agents: factsOf(workspace, { ...job, options: run.options }),
    jobsAhead,
    agentSilentSince: null,
    endTold: "waits",
    preparing: "",
    wayProblem: "",
    delivering: "",
  });
