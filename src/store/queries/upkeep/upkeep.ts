import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { RunId } from "../../../lib/words/ids.ts";
import { and, asc, eq, inArray, isNotNull, isNull, lt, or, sql } from "../../drizzle/orm.ts";
import type { IdPage } from "../../ports/pages.ts";
import type { BlobUse, SealedValue, UpkeepQueries } from "../../ports/upkeep.ts";
import { isActive } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { retentionQueries } from "./upkeep-retention.ts";

/** Whole tables, page by page, for work that nobody waits for: none of it is prepared. */
export function upkeepQueries(context: QueryContext): UpkeepQueries {
  return {
    ...runQueries(context),
    ...retentionQueries(context),
    ...ownerQueries(context),
    ...blobQueries(context),
    ...sealedQueries(context),
  };
}

const afterId = (id: AnyPgColumn, { after }: IdPage): SQL | undefined =>
  after === null ? undefined : sql`${id} > ${sql.param(after, id)}`;

type RunPart = Pick<UpkeepQueries, "activeRuns" | "quarantinedRuns" | "deleteRun" | "plannedRuns" | "states">;

function runQueries({ db, t: { runs, states } }: QueryContext): RunPart {
  const page = (condition: SQL | undefined, wanted: IdPage) =>
    db
      .select()
      .from(runs)
      .where(and(condition, afterId(runs.id, wanted)))
      .orderBy(asc(runs.id))
      .limit(wanted.limit);
  return {
    activeRuns: (wanted) => page(isActive(runs.status), wanted),
    plannedRuns: (wanted) =>
      page(or(isNotNull(runs.planBlobKey), isNotNull(runs.summaryBlobKey), isNotNull(runs.planFilesBlobKey)), wanted),
    quarantinedRuns: async (ids) => {
      if (ids.length === 0) return new Set();
      const found = await db
        .selectDistinct({ runId: states.runId })
        .from(states)
        .where(and(eq(states.status, "quarantined"), inArray(states.runId, [...ids])));
      return new Set(found.flatMap(({ runId }): RunId[] => (runId === null ? [] : [runId])));
    },
    deleteRun: async (id) => {
      await db.delete(runs).where(eq(runs.id, id));
    },
    states: (wanted) =>
      db.select().from(states).where(afterId(states.id, wanted)).orderBy(asc(states.id)).limit(wanted.limit),
  };
}

type OwnerPart = Pick<
  UpkeepQueries,
  "agents" | "goneAgents" | "configurations" | "runsUsing" | "deleteConfiguration" | "siteAdminKeys"
>;

function ownerQueries({ db, t: { agents, apiKeys, configurations, runs } }: QueryContext): OwnerPart {
  const agentPage = (condition: SQL | undefined, wanted: IdPage) =>
    db
      .select()
      .from(agents)
      .where(and(condition, afterId(agents.id, wanted)))
      .orderBy(asc(agents.id))
      .limit(wanted.limit);
  return {
    agents: (wanted) => agentPage(undefined, wanted),
    goneAgents: (status, at, wanted) => agentPage(and(eq(agents.status, status), lt(agents.lastSeenAt, at)), wanted),
    configurations: (before, wanted) =>
      db
        .select()
        .from(configurations)
        .where(and(lt(configurations.createdAt, before), afterId(configurations.id, wanted)))
        .orderBy(asc(configurations.id))
        .limit(wanted.limit),
    runsUsing: async ({ id, workspaceId }) => {
      const found = await db
        .select({ id: runs.id })
        .from(runs)
        .where(and(eq(runs.workspaceId, workspaceId), eq(runs.configurationId, id)))
        .orderBy(asc(runs.id));
      return found.map((run) => run.id);
    },
    deleteConfiguration: async (id) => {
      await db.delete(configurations).where(eq(configurations.id, id));
    },
    siteAdminKeys: (name) =>
      db
        .select()
        .from(apiKeys)
        .where(and(eq(apiKeys.role, "site_admin"), eq(apiKeys.name, name), isNull(apiKeys.revokedAt)))
        .orderBy(asc(apiKeys.createdAt), asc(apiKeys.id)),
  };
}

function blobQueries({
  db,
  t: { configurations, runs, states, uploads, uploadParts },
}: QueryContext): Pick<UpkeepQueries, "blobUses"> {
  const of = {
    configurations: (wanted: IdPage) =>
      db
        .select({ id: configurations.id, first: configurations.blobKey })
        .from(configurations)
        .where(afterId(configurations.id, wanted))
        .orderBy(asc(configurations.id))
        .limit(wanted.limit),
    runs: (wanted: IdPage) =>
      db
        .select({ id: runs.id, first: runs.planBlobKey, second: runs.summaryBlobKey, third: runs.planFilesBlobKey })
        .from(runs)
        .where(afterId(runs.id, wanted))
        .orderBy(asc(runs.id))
        .limit(wanted.limit),
    states: (wanted: IdPage) =>
      db
        .select({ id: states.id, first: states.blobKey })
        .from(states)
        .where(afterId(states.id, wanted))
        .orderBy(asc(states.id))
        .limit(wanted.limit),
  };
  const partsOf = (uploadId: string) =>
    db.select({ key: uploadParts.blobKey }).from(uploadParts).where(eq(uploadParts.uploadId, uploadId));
  const ofUploads = async (wanted: IdPage): Promise<BlobUse[]> => {
    const rows = await db
      .select({ id: uploads.id })
      .from(uploads)
      .where(afterId(uploads.id, wanted))
      .orderBy(asc(uploads.id))
      .limit(wanted.limit);
    const uses: BlobUse[] = [];
    for (const { id } of rows) uses.push({ id, keys: (await partsOf(id)).map(({ key }) => key) });
    return uses;
  };
  return {
    blobUses: async (table, wanted) =>
      table === "uploads"
        ? ofUploads(wanted)
        : (await of[table](wanted)).map(({ id, ...keys }) => ({
            id,
            keys: Object.values(keys).filter((key) => key !== null),
          })),
  };
}

type SealedPart = Pick<UpkeepQueries, "sealedValues" | "saveSealedValue">;

function sealedQueries({
  db,
  t: { variables, setVariables, formerSecrets, providerSettings },
}: QueryContext): SealedPart {
  const tables = {
    ...{ variables, set_variables: setVariables },
    ...{ former_secrets: formerSecrets, provider_settings: providerSettings },
  };
  return {
    sealedValues: async (name, wanted) => {
      const table = tables[name];
      const rows = await db
        .select({ id: table.id, sealedValue: table.sealedValue })
        .from(table)
        .where(and(isNotNull(table.sealedValue), afterId(table.id, wanted)))
        .orderBy(asc(table.id))
        .limit(wanted.limit);
      return rows.flatMap(({ id, sealedValue }): SealedValue[] => (sealedValue === null ? [] : [{ id, sealedValue }]));
    },
    saveSealedValue: async (name, { id, sealedValue }) => {
      const table = tables[name];
      const { id: column } = table;
      await db
        .update(table)
        .set({ sealedValue })
        .where(sql`${column} = ${sql.param(id, column)}`);
    },
  };
}
