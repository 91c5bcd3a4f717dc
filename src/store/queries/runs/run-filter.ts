import type { SQL } from "drizzle-orm";
import type { RunOperation } from "../../../domain/runs/listed-run.ts";
import type { RunOptions } from "../../../domain/runs/run.ts";
import type { AgentId, PoolId } from "../../../lib/words/ids.ts";
import { and, eq, gte, inArray, lt, or, sql } from "../../drizzle/orm.ts";
import type { RunFilter } from "../../ports/runs.ts";
import { isActive, isSet, isUndecided } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";

/** The runs that were created in a time. */
export const createdWithin = (
  runs: QueryContext["t"]["runs"],
  { createdFrom = null, createdBefore = null }: Pick<RunFilter, "createdFrom" | "createdBefore">,
): SQL | undefined =>
  and(
    createdFrom === null ? undefined : gte(runs.createdAt, createdFrom),
    createdBefore === null ? undefined : lt(runs.createdAt, createdBefore),
  );

/** The condition that a filter is. */
export function matches({ db, t, dialect }: QueryContext, filter: RunFilter): SQL | undefined {
  const { runs, workspaces, workspaceTags, jobs, pools } = t;
  const { organizationId, workspaceId, statuses, search = "", tags = [] } = filter;
  const { poolId = null, agentId = null, createdBy = "" } = filter;
  const named = (names: readonly string[]) =>
    db
      .select({ id: workspaces.id })
      .from(workspaces)
      .where(and(eq(workspaces.organizationId, organizationId), inArray(workspaces.name, [...names])));
  const inPoolsOf = (names: readonly string[]) =>
    db
      .select({ id: workspaces.id })
      .from(workspaces)
      .innerJoin(pools, eq(pools.id, workspaces.poolId))
      .where(and(eq(pools.organizationId, organizationId), inArray(pools.name, [...names])));
  const inPool = (id: PoolId) => db.select({ id: workspaces.id }).from(workspaces).where(eq(workspaces.poolId, id));
  const tagged = (tag: string) =>
    db.select({ id: workspaceTags.workspaceId }).from(workspaceTags).where(eq(workspaceTags.tag, tag));
  const ofAgent = (id: AgentId) => db.select({ id: jobs.runId }).from(jobs).where(eq(jobs.agentId, id));
  const holding = db
    .select({ id: workspaces.lockRunId })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), isSet(workspaces.lockRunId)));
  const searched = [runs.id, runs.message, runs.createdBy];
  return and(
    eq(runs.organizationId, organizationId),
    workspaceId === null ? undefined : eq(runs.workspaceId, workspaceId),
    statuses === null ? undefined : inArray(runs.status, [...statuses]),
    filter.isActive === true ? isActive(runs.status) : undefined,
    search === "" ? undefined : or(...searched.map((column) => dialect.contains(column, search))),
    createdWithin(runs, filter),
    poolId === null ? undefined : inArray(runs.workspaceId, inPool(poolId)),
    agentId === null ? undefined : inArray(runs.id, ofAgent(agentId)),
    ...(filter.needsDecision === true ? [inArray(runs.id, holding), isUndecided(runs.status)] : []),
    ...tags.map((tag) => inArray(runs.workspaceId, tagged(tag))),
    anyOf(filter.states, ({ status, isSavedPlan }) =>
      and(eq(runs.status, status), isSavedPlan === null ? undefined : isSaved(runs, isSavedPlan)),
    ),
    filter.sources == null ? undefined : inArray(runs.source, [...filter.sources]),
    anyOf(filter.operations, (operation) => isFor(runs, operation)),
    filter.poolNames == null ? undefined : inArray(runs.workspaceId, inPoolsOf(filter.poolNames)),
    filter.workspaceNames == null ? undefined : inArray(runs.workspaceId, named(filter.workspaceNames)),
    createdBy === "" ? undefined : dialect.contains(runs.createdBy, createdBy),
  );
}

/** True for one of them; of none nothing is. */
function anyOf<T>(wanted: readonly T[] | null | undefined, condition: (one: T) => SQL | undefined): SQL | undefined {
  if (wanted == null) return undefined;
  return wanted.length === 0 ? sql`1 = 0` : or(...wanted.map(condition));
}

type Runs = QueryContext["t"]["runs"];

/** Engines read a true of JSON as a text or as a number. */
const hasOption = ({ options }: Runs, name: keyof RunOptions): SQL =>
  sql`coalesce(cast(${options} ->> ${sql.raw(`'${name}'`)} as text), '') in ('true', '1')`;

const isSaved = (runs: Runs, isTrue: boolean): SQL =>
  isTrue ? hasOption(runs, "isSavedPlan") : sql`not ${hasOption(runs, "isSavedPlan")}`;

function isFor(runs: Runs, operation: RunOperation): SQL | undefined {
  switch (operation) {
    case "plan_only":
      return hasOption(runs, "isPlanOnly");
    case "plan_and_apply":
      return sql`not ${hasOption(runs, "isPlanOnly")} and not ${hasOption(runs, "isSavedPlan")}`;
    case "save_plan":
      return sql`not ${hasOption(runs, "isPlanOnly")} and ${hasOption(runs, "isSavedPlan")}`;
    case "refresh_only":
      return hasOption(runs, "isRefreshOnly");
    case "destroy":
      return hasOption(runs, "isDestroy");
    case "empty_apply":
      return hasOption(runs, "allowsEmptyApply");
  }
}
