import type { Workspace, WorkspaceLock } from "../../../domain/workspaces/workspace.ts";
import { and, eq, exists, inArray, or, sql } from "../../drizzle/orm.ts";
import type { NamePage } from "../../ports/pages.ts";
import type { Queries } from "../../ports/store.ts";
import type { WorkspaceFilter } from "../../ports/workspaces.ts";
import { isSet, isUndecided } from "../../tables/conditions.ts";
import type { Tables } from "../../tables/tables.ts";
import type { QueryContext } from "../context.ts";
import { inOrderOfName } from "../pages.ts";
import { counted, getting, inserting, one, oneInAnyCase, removing, saving } from "../rows.ts";
import { consumerQueries } from "./state-consumers.ts";
import { queuedRuns, workspaceContents, workspaceLosses } from "./workspace-counts.ts";
import { searchWorkspaces } from "./workspace-search.ts";
import { boundWith, tagBindingWriter, tagCounts, taggedWith, tagWriter } from "./workspace-tags.ts";

type Row = Tables["workspaces"]["$inferSelect"];

export function workspaceQueries(context: QueryContext): Queries["workspaces"] {
  const { workspaces } = context.t;
  const rows = { table: workspaces, what: "a workspace" };
  const { get, byIds } = getting(context, workspaces);
  const byName = one(context, workspaces, "organizationId", "name");
  const inAnyCase = oneInAnyCase(context, workspaces);
  const insert = inserting(context, rows);
  const save = saving(context, rows);
  const writeTags = tagWriter(context);
  const writeBindings = tagBindingWriter(context);
  const { sharingWith, ...consumers } = consumerQueries(context);
  return {
    get: async (id) => optional(await get(id)),
    byName: async (organizationId, name) => optional(await byName(organizationId, name)),
    byNameInAnyCase: async (organizationId, name) =>
      optional(await inAnyCase(name, eq(workspaces.organizationId, organizationId))),
    byIds: async (ids) => (await byIds(ids)).map(fromRow),
    list: async (filter, page) => (await listed(context, filter, page)).map(fromRow),
    placeAfter: (organizationId, page) =>
      inOrderOfName(context, workspaces).placeAfter(eq(workspaces.organizationId, organizationId), page),
    count: (organizationId) => counted(context, workspaces, eq(workspaces.organizationId, organizationId)),
    search: async (wanted, slice) => {
      const { rows: found, total } = await searchWorkspaces(context, wanted, slice);
      return { rows: found.map(fromRow), total };
    },
    contents: (ids) => workspaceContents(context, ids),
    tags: (wanted, slice) => tagCounts(context, wanted, slice),
    followers: async (organizationId, page) => {
      const isFollowing = and(eq(workspaces.organizationId, organizationId), sql`${workspaces.inheritsExecutionMode}`);
      return (await inOrderOfName(context, workspaces).page(isFollowing, page)).map(fromRow);
    },
    insert: async (workspace) => {
      await insert(toRow(workspace));
      await writeTags(workspace.id, workspace.tags);
      await writeBindings(workspace.id, workspace.tagBindings);
    },
    save: async (workspace) => {
      await save(toRow(workspace));
      await writeTags(workspace.id, workspace.tags);
      await writeBindings(workspace.id, workspace.tagBindings);
    },
    delete: removing(context, workspaces),
    queuedRuns: (ids) => queuedRuns(context, ids),
    losses: (id) => workspaceLosses(context, id),
    ...consumers,
    sharingWith: async (consumer, page) => (await sharingWith(consumer, page)).map(fromRow),
  };
}

function listed(
  context: QueryContext,
  { organizationId, poolId, tags = [], tagBindings = [], search = "", modes = [], ...filter }: WorkspaceFilter,
  page: NamePage,
): Promise<Row[]> {
  const { db, t, dialect } = context;
  const { workspaces, runs } = t;
  const holder = db
    .select({ one: sql`1` })
    .from(runs)
    .where(and(eq(runs.id, workspaces.lockRunId), isUndecided(runs.status)));
  const wanted = and(
    eq(workspaces.organizationId, organizationId),
    ...(filter.needsDecision === true ? [isSet(workspaces.lockRunId), exists(holder)] : []),
    poolId === null ? undefined : eq(workspaces.poolId, poolId),
    modes.length === 0 ? undefined : inArray(workspaces.executionMode, [...modes]),
    filter.isLocked === true ? sql`${workspaces.lockedAt} is not null` : undefined,
    ...tags.map((tag) => inArray(workspaces.id, taggedWith({ db, t }, tag))),
    ...tagBindings.map((binding) => inArray(workspaces.id, boundWith({ db, t }, binding))),
    search === ""
      ? undefined
      : or(dialect.contains(workspaces.name, search), dialect.contains(workspaces.description, search)),
  );
  return inOrderOfName(context, workspaces).page(wanted, page);
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
