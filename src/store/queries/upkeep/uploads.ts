import type { SQL } from "drizzle-orm";
import { and, asc, count, desc, eq, gt, lt, lte, sum } from "../../drizzle/orm.ts";
import type { UploadQueries } from "../../ports/uploads.ts";
import type { QueryContext } from "../context.ts";
import { pageById } from "../pages.ts";
import { inserting, many, one, removing, saving } from "../rows.ts";

type Parts = Pick<UploadQueries, "partBefore" | "partBehind" | "parts" | "insertPart">;

export function uploadQueries(context: QueryContext): UploadQueries {
  const { db, t } = context;
  const { uploads } = t;
  const rows = { table: uploads, what: "an upload" };
  const find = one(context, uploads, "owner", "sha256", "bytes");
  return {
    get: one(context, uploads, "id"),
    find: (owner, { sha256, bytes }) => find(owner, sha256, bytes),
    ofOwner: many(context, uploads, "owner", { order: [asc(uploads.createdAt), asc(uploads.id)] }),
    begunByPeople: async (organizationId) => {
      const [found] = await db
        .select({ count: count(), bytes: sum(uploads.bytes).mapWith(Number) })
        .from(uploads)
        .where(and(eq(uploads.organizationId, organizationId), eq(uploads.isOfJob, false)));
      return { count: found?.count ?? 0, bytes: found?.bytes ?? 0 };
    },
    begunBefore: (at, page) => pageById(context, { table: uploads, where: lt(uploads.createdAt, at) }, page),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, uploads),
    ...partQueries(context),
  };
}

function partQueries(context: QueryContext): Parts {
  const {
    db,
    t: { uploadParts },
  } = context;
  const { uploadId, start } = uploadParts;
  const first = async (where: SQL | undefined, order: SQL) =>
    (await db.select().from(uploadParts).where(where).orderBy(order).limit(1))[0];
  return {
    partBefore: (id, offset) => first(and(eq(uploadId, id), lte(start, offset)), desc(start)),
    partBehind: (id, offset) => first(and(eq(uploadId, id), gt(start, offset)), asc(start)),
    parts: many(context, uploadParts, "uploadId", { order: [asc(start)] }),
    insertPart: async (row) => {
      await db.insert(uploadParts).values(row);
    },
  };
}
