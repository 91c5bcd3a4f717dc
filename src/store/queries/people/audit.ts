import type { SQL } from "drizzle-orm";
import type { AuditFilter } from "../../../domain/people/audit.ts";
import { systemRandom } from "../../../lib/random.ts";
import { and, asc, eq, gte, inArray, lt } from "../../drizzle/orm.ts";
import type { AuditQueries, AuditSpan } from "../../ports/access.ts";
import type { QueryContext } from "../context.ts";
import { afterInstant, newestFirst } from "../pages.ts";
import { counted, inserting, lastCharacter, one } from "../rows.ts";

export function auditQueries(context: QueryContext): AuditQueries {
  const { db, t, dialect } = context;
  const { audit } = t;
  const insert = inserting(context, { table: audit, what: "an audit record" });
  const newest = newestFirst(context, audit, audit.at);
  const within = ({ organizationId, since, until }: AuditSpan): SQL | undefined =>
    and(
      organizationId === null ? undefined : eq(audit.organizationId, organizationId),
      since === null ? undefined : gte(audit.at, since),
      until === null ? undefined : lt(audit.at, until),
    );
  const matching = ({ action, actor, resource, ...span }: AuditFilter): SQL | undefined =>
    and(
      within(span),
      action === "" ? undefined : and(gte(audit.action, action), lt(audit.action, action + lastCharacter)),
      actor === "" ? undefined : dialect.contains(audit.actor, actor),
      resource === "" ? undefined : eq(audit.resource, resource),
    );
  return {
    insert: (record) => insert({ ...record, id: systemRandom.uuid() }),
    get: one(context, audit, "id"),
    put: async (event) => {
      await db.insert(audit).values(event).onConflictDoUpdate({ target: audit.id, set: event });
    },
    countBefore: (at) => counted(context, audit, lt(audit.at, at)),
    deleteBefore: async (at, limit) => {
      const oldest = db
        .select({ id: audit.id })
        .from(audit)
        .where(lt(audit.at, at))
        .orderBy(asc(audit.at), asc(audit.id))
        .limit(limit);
      return (await db.delete(audit).where(inArray(audit.id, oldest)).returning({ id: audit.id })).length;
    },
    list: (filter, page) => newest.page(matching(filter), page),
    placeAfter: (span, page) => newest.placeAfter(within(span), page),
    placeForward: async (span, { after, rows }) => {
      const [place] = await db
        .select({ at: audit.at, id: audit.id })
        .from(audit)
        .where(and(within(span), afterInstant(audit.at, audit.id, { after })))
        .orderBy(asc(audit.at), asc(audit.id))
        .limit(1)
        .offset(rows - 1);
      return place ?? null;
    },
    listForward: (filter, { limit, ...places }) =>
      db
        .select()
        .from(audit)
        .where(and(matching(filter), afterInstant(audit.at, audit.id, places)))
        .orderBy(asc(audit.at), asc(audit.id))
        .limit(limit),
  };
}
