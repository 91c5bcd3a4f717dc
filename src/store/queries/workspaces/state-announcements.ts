import { eq, lt } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst, pageById } from "../pages.ts";
import { inserting, one, removing, saving } from "../rows.ts";

export function stateAnnouncementQueries(context: QueryContext): Queries["stateAnnouncements"] {
  const { stateAnnouncements } = context.t;
  const rows = { table: stateAnnouncements, what: "a state version" };
  const newest = newestFirst(context, stateAnnouncements, stateAnnouncements.createdAt);
  return {
    get: one(context, stateAnnouncements, "id"),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, stateAnnouncements),
    slice: (workspaceId, slice) => newest.slice(eq(stateAnnouncements.workspaceId, workspaceId), slice),
    madeBefore: (at, page) =>
      pageById(context, { table: stateAnnouncements, where: lt(stateAnnouncements.createdAt, at) }, page),
  };
}
