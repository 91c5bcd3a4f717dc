import type { WorkspaceId } from "../../../lib/words/ids.ts";
import { asc, eq } from "../../drizzle/orm.ts";
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
