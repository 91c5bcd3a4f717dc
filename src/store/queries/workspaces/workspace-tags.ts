import type { WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, eq } from "../../drizzle/orm.ts";
import type { TagBinding } from "../../ports/workspaces.ts";
import type { QueryContext } from "../context.ts";
import { many } from "../rows.ts";

/** Keeps the rows by which workspaces are found equal to the tags in their own rows. */
export function tagWriter(context: QueryContext): (id: WorkspaceId, tags: readonly string[]) => Promise<void> {
  const { db, t } = context;
  const { workspaceTags } = t;
  const tagsOf = many(context, workspaceTags, "workspaceId", { order: [asc(workspaceTags.tag)] });
  return async (id, tags) => {
    const wanted = [...new Set(tags)].toSorted();
    const present = (await tagsOf(id)).map(({ tag }) => tag);
    if (present.length === wanted.length && present.every((tag, index) => tag === wanted[index])) return;
    await db.delete(workspaceTags).where(eq(workspaceTags.workspaceId, id));
    if (wanted.length > 0) await db.insert(workspaceTags).values(wanted.map((tag) => ({ workspaceId: id, tag })));
  };
}

/** The ids of the workspaces with a tag. */
export const taggedWith = ({ db, t: { workspaceTags } }: Pick<QueryContext, "db" | "t">, tag: string) =>
  db.select({ id: workspaceTags.workspaceId }).from(workspaceTags).where(eq(workspaceTags.tag, tag));

/** The same for tags with values. */
export function tagBindingWriter(
  context: QueryContext,
): (id: WorkspaceId, bindings: Readonly<Record<string, string>>) => Promise<void> {
  const { db, t } = context;
  const { workspaceTagBindings: table } = t;
  const bindingsOf = many(context, table, "workspaceId", { order: [asc(table.key)] });
  return async (workspaceId, bindings) => {
    const wanted = Object.entries(bindings).map(([key, value]) => ({ workspaceId, key, value }));
    const present = await bindingsOf(workspaceId);
    if (present.length === wanted.length && present.every(({ key, value }) => bindings[key] === value)) return;
    await db.delete(table).where(eq(table.workspaceId, workspaceId));
    if (wanted.length > 0) await db.insert(table).values(wanted);
  };
}

/** The ids of the workspaces with a tag that has a value. */
export const boundWith = (
  { db, t: { workspaceTagBindings: table } }: Pick<QueryContext, "db" | "t">,
  { key, value }: TagBinding,
) =>
  db
    .select({ id: table.workspaceId })
    .from(table)
    .where(and(eq(table.key, key), value === undefined ? undefined : eq(table.value, value)));
