import type { Workspace, WorkspaceLock } from "../../domain/workspace.ts";
import type { OrganizationId } from "../../lib/ids.ts";
import { and, asc, eq } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import { prepared } from "../prepared.ts";
import type { Tables } from "../tables.ts";
import type { QueryContext } from "./context.ts";
import { afterName, getting, inserting, saving } from "./rows.ts";

type Row = Tables["workspaces"]["$inferSelect"];

export function workspaceQueries(context: QueryContext): Queries["workspaces"] {
  const { db, t } = context;
  const { workspaces } = t;
  const rows = { table: workspaces, name: "workspace", what: "a workspace" };
  const { get, byIds } = getting(context, rows);
  const insert = inserting(context, rows);
  const save = saving(context, rows);
  const byName = prepared<{ organizationId: OrganizationId; name: string }>()("workspace_by_name", (slot) =>
    db
      .select()
      .from(workspaces)
      .where(
        and(
          eq(workspaces.organizationId, slot("organizationId", workspaces.organizationId)),
          eq(workspaces.name, slot("name", workspaces.name)),
        ),
      ),
  );
  return {
    get: async (id) => optional(await get(id)),
    byName: async (organizationId, name) => optional((await byName({ organizationId, name }))[0]),
    byIds: async (ids) => (await byIds(ids)).map(fromRow),
    list: async ({ organizationId, poolId }, page) => {
      const listed = await db
        .select()
        .from(workspaces)
        .where(
          and(
            eq(workspaces.organizationId, organizationId),
            poolId === null ? undefined : eq(workspaces.poolId, poolId),
            afterName(workspaces.name, page),
          ),
        )
        .orderBy(asc(workspaces.name))
        .limit(page.limit);
      return listed.map(fromRow);
    },
    insert: (workspace) => insert(toRow(workspace)),
    save: (workspace) => save(toRow(workspace)),
    delete: async (id) => {
      await db.delete(workspaces).where(eq(workspaces.id, id));
    },
  };
}

const optional = (row: Row | undefined): Workspace | undefined => row && fromRow(row);

const unlocked = { lockedAt: null, lockRunId: null, lockBy: null, lockReason: null };

function toRow({ lock, ...workspace }: Workspace): Row {
  if (lock === null) return { ...workspace, ...unlocked };
  if (lock.kind === "run") return { ...workspace, ...unlocked, lockedAt: lock.at, lockRunId: lock.runId };
  return { ...workspace, ...unlocked, lockedAt: lock.at, lockBy: lock.by, lockReason: lock.reason };
}

function fromRow({ lockedAt, lockRunId, lockBy, lockReason, ...workspace }: Row): Workspace {
  return { ...workspace, lock: lockOf({ lockedAt, lockRunId, lockBy, lockReason }) };
}

function lockOf(row: Pick<Row, "lockedAt" | "lockRunId" | "lockBy" | "lockReason">): WorkspaceLock | null {
  if (row.lockedAt === null) return null;
  if (row.lockRunId !== null) return { kind: "run", runId: row.lockRunId, at: row.lockedAt };
  return { kind: "person", by: row.lockBy ?? "", reason: row.lockReason ?? "", at: row.lockedAt };
}
