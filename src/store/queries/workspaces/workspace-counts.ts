import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import type { WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, count, desc, eq, inArray } from "../../drizzle/orm.ts";
import type { WorkspaceContents, WorkspaceLosses } from "../../ports/workspaces.ts";
import { isFalse, isPending } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { counted, inChunks } from "../rows.ts";

/** Counts what is deleted with a workspace. */
export async function workspaceLosses(context: QueryContext, id: WorkspaceId): Promise<WorkspaceLosses> {
  const { db, t } = context;
  const of = (table: PgTable & { readonly workspaceId: AnyPgColumn }) =>
    counted(context, table, eq(table.workspaceId, id));
  const [current] = await db
    .select({ resources: t.states.resourceCount, unreadReason: t.states.unreadReason })
    .from(t.workspaces)
    .innerJoin(t.states, eq(t.states.id, t.workspaces.currentStateId))
    .where(eq(t.workspaces.id, id));
  return {
    stateVersions: await of(t.states),
    resources: current?.resources ?? 0,
    unreadReason: current?.unreadReason ?? "",
    runs: await of(t.runs),
    variables: await of(t.variables),
    configurationVersions: await of(t.configurations),
  };
}

/** Counts the runs that wait for workspaces. */
export const queuedRuns = ({ db, t: { runs } }: QueryContext, ids: readonly WorkspaceId[]) =>
  inChunks(ids, (some) =>
    db
      .select({ workspaceId: runs.workspaceId, count: count() })
      .from(runs)
      .where(and(isPending(runs.status), inArray(runs.workspaceId, some)))
      .groupBy(runs.workspaceId),
  );

/** What workspaces have in them. */
export async function workspaceContents(
  context: QueryContext,
  ids: readonly WorkspaceId[],
): Promise<readonly WorkspaceContents[]> {
  const { db, t } = context;
  const { workspaces, states, runs, variables } = t;
  const rows = await inChunks(ids, (some) =>
    db
      .select({ workspaceId: workspaces.id, resources: states.resourceCount })
      .from(workspaces)
      .leftJoin(states, eq(states.id, workspaces.currentStateId))
      .where(inArray(workspaces.id, some)),
  );
  const runCounts = await inChunks(ids, (some) =>
    db
      .select({ workspaceId: runs.workspaceId, count: count() })
      .from(runs)
      .where(inArray(runs.workspaceId, some))
      .groupBy(runs.workspaceId),
  );
  const own = await inChunks(ids, (some) =>
    db
      .select({ id: variables.id, workspaceId: variables.workspaceId })
      .from(variables)
      .where(inArray(variables.workspaceId, some))
      .orderBy(asc(variables.category), asc(variables.key)),
  );
  const counts = new Map(runCounts.map((row) => [row.workspaceId, row.count]));
  const held = Map.groupBy(own, ({ workspaceId }) => workspaceId);
  const found: WorkspaceContents[] = [];
  for (const { workspaceId, resources } of rows) {
    found.push({
      workspaceId,
      resources: resources ?? 0,
      runs: counts.get(workspaceId) ?? 0,
      configurationId: await newestConfiguration(context, workspaceId),
      variableIds: (held.get(workspaceId) ?? []).map(({ id }) => id),
    });
  }
  return found;
}

async function newestConfiguration({ db, t: { configurations } }: QueryContext, id: WorkspaceId) {
  const [newest] = await db
    .select({ id: configurations.id })
    .from(configurations)
    .where(and(eq(configurations.workspaceId, id), isFalse(configurations.isProvisional)))
    .orderBy(desc(configurations.createdAt), desc(configurations.id))
    .limit(1);
  return newest?.id ?? null;
}
