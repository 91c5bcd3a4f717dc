import type { SQL } from "drizzle-orm";
import type { AuditFilter } from "../../domain/audit.ts";
import { systemRandom } from "../../lib/random.ts";
import type { AuditQueries } from "../access-ports.ts";
import { and, asc, desc, eq, gte, lt, sql } from "../drizzle/orm.ts";
import type { QueryContext } from "./context.ts";
import { beforeInstant, inserting } from "./rows.ts";

/** Sorts after every text that begins with the one before it. */
const lastCharacter = "\u{10ffff}";

export function auditQueries(context: QueryContext): AuditQueries {
  const { db, t, dialect } = context;
  const { audit } = t;
  const insert = inserting(context, { table: audit, name: "audit", what: "an audit record" });
  const matching = ({ organizationId, action, actor, resource, since, until }: AuditFilter): SQL | undefined =>
    and(
      organizationId === null ? undefined : eq(audit.organizationId, organizationId),
      action === "" ? undefined : and(gte(audit.action, action), lt(audit.action, action + lastCharacter)),
      actor === "" ? undefined : dialect.contains(audit.actor, actor),
      resource === "" ? undefined : eq(audit.resource, resource),
      since === null ? undefined : gte(audit.at, since),
      until === null ? undefined : lt(audit.at, until),
    );
  return {
    insert: (record) => insert({ ...record, id: systemRandom.uuid() }),
    list: (filter, page) =>
      db
        .select()
        .from(audit)
        .where(and(matching(filter), beforeInstant(audit.at, audit.id, page)))
        .orderBy(desc(audit.at), desc(audit.id))
        .limit(page.limit),
    listForward: (filter, { after, limit }) =>
      db
        .select()
        .from(audit)
        .where(
          and(
            matching(filter),
            after === null
              ? undefined
              : sql`(${audit.at}, ${audit.id}) > (${sql.param(after.at, audit.at)}, ${sql.param(after.id, audit.id)})`,
          ),
        )
        .orderBy(asc(audit.at), asc(audit.id))
        .limit(limit),
  };
}
