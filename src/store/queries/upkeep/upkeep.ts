import type { SQL } from "drizzle-orm";
import type { RunId } from "../../../lib/words/ids.ts";
import { and, asc, eq, inArray, isNotNull, isNull, lt, or, sql } from "../../drizzle/orm.ts";
import type { IdPage } from "../../ports/pages.ts";
import type { BlobUse, SealedValue, UpkeepQueries } from "../../ports/upkeep.ts";
import { isActive } from "../../tables/conditions.ts";
import type { Tables } from "../../tables/tables.ts";
import type { QueryContext } from "../context.ts";
import { afterId, pageById } from "../pages.ts";
import { removing } from "../rows.ts";
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

/** The keys of everything that is stored of a run. */
const objectsOf = (runs: Tables["runs"]) => ({
  plan: runs.planBlobKey,
  summary: runs.summaryBlobKey,
  files: runs.planFilesBlobKey,
  json: runs.planJsonBlobKey,
  redacted: runs.redactedPlanBlobKey,
});

type RunPart = Pick<UpkeepQueries, "activeRuns" | "quarantinedRuns" | "deleteRun" | "plannedRuns" | "states">;

function runQueries(context: QueryContext): RunPart {
  const {
    db,
    t: { runs, states },
  } = context;
  const page = (where: SQL | undefined, wanted: IdPage) => pageById(context, { table: runs, where }, wanted);
  return {
    activeRuns: (wanted) => page(isActive(runs.status), wanted),
    plannedRuns: (wanted) => page(or(...Object.values(objectsOf(runs)).map((key) => isNotNull(key))), wanted),
    quarantinedRuns: async (ids) => {
      if (ids.length === 0) return new Set();
      const found = await db
        .selectDistinct({ runId: states.runId })
        .from(states)
        .where(and(eq(states.status, "quarantined"), inArray(states.runId, [...ids])));
      return new Set(found.flatMap(({ runId }): RunId[] => (runId === null ? [] : [runId])));
    },
    deleteRun: removing(context, runs),
    states: (wanted) => pageById(context, { table: states }, wanted),
  };
}

type OwnerPart = Pick<
  UpkeepQueries,
  | "agents"
  | "goneAgents"
  | "configurations"
  | "pendingConfigurations"
  | "runsUsing"
  | "deleteConfiguration"
  | "siteAdminKeys"
>;

function ownerQueries(context: QueryContext): OwnerPart {
  const {
    db,
    t: { agents, apiKeys, configurations, runs },
  } = context;
  return {
    agents: (wanted) => pageById(context, { table: agents }, wanted),
    goneAgents: (status, at, wanted) => {
      const where = and(eq(agents.status, status), lt(agents.lastSeenAt, at));
      return pageById(context, { table: agents, where }, wanted);
    },
    configurations: (before, wanted) =>
      pageById(context, { table: configurations, where: lt(configurations.createdAt, before) }, wanted),
    pendingConfigurations: (before, wanted) => {
      const where = and(eq(configurations.status, "pending"), lt(configurations.createdAt, before));
      return pageById(context, { table: configurations, where }, wanted);
    },
    runsUsing: async ({ id, workspaceId }) => {
      const found = await db
        .select({ id: runs.id })
        .from(runs)
        .where(and(eq(runs.workspaceId, workspaceId), eq(runs.configurationId, id)))
        .orderBy(asc(runs.id));
      return found.map((run) => run.id);
    },
    deleteConfiguration: removing(context, configurations),
    siteAdminKeys: (name) =>
      db
        .select()
        .from(apiKeys)
        .where(and(eq(apiKeys.role, "site_admin"), eq(apiKeys.name, name), isNull(apiKeys.revokedAt)))
        .orderBy(asc(apiKeys.createdAt), asc(apiKeys.id)),
  };
}

function blobQueries(context: QueryContext): Pick<UpkeepQueries, "blobUses"> {
  const {
    db,
    t: { configurations, runs, states, stateAnnouncements, uploads, uploadParts },
  } = context;
  const of = {
    configurations: { id: configurations.id, first: configurations.blobKey },
    runs: { id: runs.id, ...objectsOf(runs) },
    states: { id: states.id, first: states.blobKey, second: states.jsonBlobKey },
    stateAnnouncements: { id: stateAnnouncements.id, first: stateAnnouncements.jsonBlobKey },
  };
  const usesIn = (keys: (typeof of)[keyof typeof of], wanted: IdPage) =>
    db.select(keys).from(keys.id.table).where(afterId(keys.id, wanted)).orderBy(asc(keys.id)).limit(wanted.limit);
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
        : (await usesIn(of[table], wanted)).map(({ id, ...keys }) => ({
            id,
            keys: Object.values(keys).filter((key): key is string => key !== null && key !== ""),
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
