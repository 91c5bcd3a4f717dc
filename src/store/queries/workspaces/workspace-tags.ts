import type { WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, count, countDistinct, eq, inArray, ne, not } from "../../drizzle/orm.ts";
import type { Slice, Sliced } from "../../ports/pages.ts";
import type { TagBinding, TagCount, TagSearch } from "../../ports/workspaces.ts";
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

/** The tags of an organization's workspaces, by name, with how many have them. */
export async function tagCounts(
  { db, t, dialect }: QueryContext,
  { organizationId, search, except, exceptOf }: TagSearch,
  { offset, limit }: Slice,
): Promise<Sliced<TagCount>> {
  const { workspaces, workspaceTags } = t;
  const { tag } = workspaceTags;
  const own = (id: WorkspaceId) => db.select({ tag }).from(workspaceTags).where(eq(workspaceTags.workspaceId, id));
  const wanted = and(
    eq(workspaces.organizationId, organizationId),
    search === "" ? undefined : dialect.contains(tag, search),
    except === undefined ? undefined : ne(tag, except),
    exceptOf === undefined ? undefined : not(inArray(tag, own(exceptOf))),
  );
  const rows = await db
    .select({ tag, workspaces: count() })
    .from(workspaceTags)
    .innerJoin(workspaces, eq(workspaces.id, workspaceTags.workspaceId))
    .where(wanted)
    .groupBy(tag)
    .orderBy(asc(tag))
    .limit(limit)
    .offset(offset);
  const [all] = await db
    .select({ total: countDistinct(tag) })
    .from(workspaceTags)
    .innerJoin(workspaces, eq(workspaces.id, workspaceTags.workspaceId))
    .where(wanted);
  return { rows, total: all?.total ?? 0 };
}
