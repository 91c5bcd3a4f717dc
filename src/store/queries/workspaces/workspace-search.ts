import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { and, asc, desc, eq, inArray, not, sql } from "../../drizzle/orm.ts";
import type { Slice, Sliced } from "../../ports/pages.ts";
import type { TagBinding, WorkspaceSearch } from "../../ports/workspaces.ts";
import type { Tables } from "../../tables/tables.ts";
import type { QueryContext } from "../context.ts";
import { counted } from "../rows.ts";
import { boundWith, taggedWith } from "./workspace-tags.ts";

/** A part of the workspaces that are so, and how many these are. */
export async function searchWorkspaces(
  context: QueryContext,
  search: WorkspaceSearch,
  { offset, limit }: Slice,
): Promise<Sliced<Tables["workspaces"]["$inferSelect"]>> {
  const { db, t } = context;
  const wanted = conditionOf(context, search);
  const rows = await db
    .select()
    .from(t.workspaces)
    .where(wanted)
    .orderBy(...orderOf(context, search))
    .limit(limit)
    .offset(offset);
  return { rows, total: await counted(context, t.workspaces, wanted) };
}

function conditionOf(context: QueryContext, search: WorkspaceSearch): SQL | undefined {
  const { db, t, dialect } = context;
  const { workspaces, stateConsumers } = t;
  const { name = "", namePattern = "", tags = [], excludedTags = [], tagBindings = [], consumersOf } = search;
  const isTagged = (key: string) => isBound(context, { key, value: undefined });
  const consumers = (id: NonNullable<WorkspaceSearch["consumersOf"]>) =>
    db.select({ name: stateConsumers.consumerName }).from(stateConsumers).where(eq(stateConsumers.workspaceId, id));
  return and(
    eq(workspaces.organizationId, search.organizationId),
    name === "" ? undefined : dialect.contains(workspaces.name, name),
    namePattern === "" ? undefined : isLike(workspaces.name, namePattern),
    ...tags.map(isTagged),
    ...excludedTags.map((tag) => not(isTagged(tag))),
    ...tagBindings.map((binding) => isBound(context, binding)),
    consumersOf === undefined ? undefined : inArray(workspaces.name, consumers(consumersOf)),
    search.currentRunStatuses === undefined
      ? undefined
      : inArray(ofCurrentRun(t, t.runs.status), [...search.currentRunStatuses]),
  );
}

/** Without a value the plain tag counts too: clients name the keys of what they bind also where they look for tags. */
const isBound = (context: QueryContext, binding: TagBinding): SQL => {
  const { workspaces } = context.t;
  const isBoundWith = inArray(workspaces.id, boundWith(context, binding));
  if (binding.value !== undefined) return isBoundWith;
  return sql`(${isBoundWith} or ${inArray(workspaces.id, taggedWith(context, binding.key))})`;
};

/** Names are ASCII, of which both engines know the other case. */
function isLike(column: AnyPgColumn, pattern: string): SQL {
  const text = pattern
    .toLowerCase()
    .replace(/[\\%_]/g, "\\$&")
    .replaceAll("*", "%");
  return sql`lower(${column}) like ${sql.param(text, column)} escape '\\'`;
}

/** A column of the run that holds a workspace or, if none does, of its newest one. */
function ofCurrentRun({ workspaces, runs }: Tables, column: AnyPgColumn): SQL {
  const newest = sql`(select newest.id from ${runs} newest where newest.workspace_id = ${workspaces.id} order by newest.created_at desc, newest.id desc limit 1)`;
  const current = sql`coalesce(${workspaces.lockRunId}, ${newest})`;
  return sql`(select held.${sql.identifier(column.name)} from ${runs} held where held.id = ${current})`;
}

function orderOf({ t }: QueryContext, { order, isDescending = false }: WorkspaceSearch): readonly SQL[] {
  const { workspaces, runs } = t;
  const direction = isDescending ? desc : asc;
  const byAge = [direction(workspaces.createdAt), direction(workspaces.id)];
  switch (order) {
    case "name":
      return [direction(workspaces.name)];
    case "created_at":
      return byAge;
    case "updated_at":
      return [direction(workspaces.updatedAt), ...byAge];
    case "current_run":
      return [sql`${direction(ofCurrentRun(t, runs.createdAt))} nulls last`, ...byAge];
  }
}
