import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import type { WorkspaceId } from "../../../lib/words/ids.ts";
import { and, count, eq, inArray } from "../../drizzle/orm.ts";
import type { WorkspaceLosses } from "../../ports/workspaces.ts";
import { isPending } from "../../tables/conditions.ts";
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
