import { and, asc, count, desc, eq, gt, lt, lte, sql, sum } from "../../drizzle/orm.ts";
import type { UploadQueries } from "../../ports/uploads.ts";
import type { QueryContext } from "../context.ts";
import { getting, inserting, saving } from "../rows.ts";

type Parts = Pick<UploadQueries, "partBefore" | "partBehind" | "parts" | "insertPart">;

export function uploadQueries(context: QueryContext): UploadQueries {
  const { db, t } = context;
  const { uploads } = t;
  const rows = { table: uploads, name: "upload", what: "an upload" };
  const { get } = getting(context, rows);
  return {
    get,
    find: async (owner, { sha256, bytes }) =>
      (
        await db
          .select()
          .from(uploads)
          .where(and(eq(uploads.owner, owner), eq(uploads.sha256, sha256), eq(uploads.bytes, bytes)))
      )[0],
    ofOwner: (owner) =>
      db.select().from(uploads).where(eq(uploads.owner, owner)).orderBy(asc(uploads.createdAt), asc(uploads.id)),
    begunByPeople: async (organizationId) => {
      const [found] = await db
        .select({ count: count(), bytes: sum(uploads.bytes).mapWith(Number) })
        .from(uploads)
        .where(and(eq(uploads.organizationId, organizationId), eq(uploads.isOfJob, false)));
      return { count: found?.count ?? 0, bytes: found?.bytes ?? 0 };
    },
    begunBefore: (at, { after, limit }) =>
      db
        .select()
        .from(uploads)
        .where(
          and(
            lt(uploads.createdAt, at),
            after === null ? undefined : sql`${uploads.id} > ${sql.param(after, uploads.id)}`,
          ),
        )
        .orderBy(asc(uploads.id))
        .limit(limit),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      await db.delete(uploads).where(eq(uploads.id, id));
    },
    ...partQueries(context),
  };
}

function partQueries({ db, t: { uploadParts } }: QueryContext): Parts {
  return {
    partBefore: async (id, offset) =>
      (
        await db
          .select()
          .from(uploadParts)
          .where(and(eq(uploadParts.uploadId, id), lte(uploadParts.start, offset)))
          .orderBy(desc(uploadParts.start))
          .limit(1)
      )[0],
    partBehind: async (id, offset) =>
      (
        await db
          .select()
          .from(uploadParts)
          .where(and(eq(uploadParts.uploadId, id), gt(uploadParts.start, offset)))
          .orderBy(asc(uploadParts.start))
          .limit(1)
      )[0],
    parts: (id) => db.select().from(uploadParts).where(eq(uploadParts.uploadId, id)).orderBy(asc(uploadParts.start)),
    insertPart: async (row) => {
      await db.insert(uploadParts).values(row);
    },
  };
}
