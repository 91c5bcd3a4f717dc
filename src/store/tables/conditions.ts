import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { sql } from "../drizzle/orm.ts";

/**
 * Conditions of the partial indexes. Queries use these very expressions, because SQLite wants the same text, and
 * PostgreSQL constants in the text: with a parameter its generic plan reads the whole table.
 */
export const isQueued = (status: AnyPgColumn): SQL => sql`${status} = 'queued'`;
export const isClaimed = (status: AnyPgColumn): SQL => sql`${status} in ('offered', 'started')`;
export const isConnected = (status: AnyPgColumn): SQL => sql`${status} in ('idle', 'busy', 'unknown')`;
export const isPending = (status: AnyPgColumn): SQL => sql`${status} = 'pending'`;
export const isActive = (status: AnyPgColumn): SQL =>
  sql`${status} in ('pending', 'plan_queued', 'planning', 'planned', 'apply_queued', 'applying')`;
export const isPlanned = (status: AnyPgColumn): SQL => sql`${status} = 'planned'`;
/** Of a run that may have left something in flight, or shows that all is well. */
export const isTelling = (status: AnyPgColumn): SQL =>
  sql`${status} in ('applied', 'planned_and_finished', 'errored', 'canceled', 'force_canceled')`;
export const isQuarantined = (status: AnyPgColumn): SQL => sql`${status} = 'quarantined'`;
/** Of a run that holds its workspace: it stands still until somebody decides. */
export const isUndecided = (status: AnyPgColumn): SQL =>
  sql`${status} not in ('pending', 'plan_queued', 'planning', 'apply_queued', 'applying')`;
export const isFalse = (claim: AnyPgColumn): SQL => sql`not ${claim}`;
export const isTrue = (claim: AnyPgColumn): SQL => sql`${claim}`;
export const isNull = (column: AnyPgColumn): SQL => sql`${column} is null`;
export const isSet = (column: AnyPgColumn): SQL => sql`${column} is not null`;
export const isSaid = (text: AnyPgColumn): SQL => sql`${text} <> ''`;
/** A credential that ends one day, and that nobody has ended or replaced. */
export const willEnd = (expiresAt: AnyPgColumn, revokedAt: AnyPgColumn, replacedBy: AnyPgColumn): SQL =>
  sql`${expiresAt} is not null and ${revokedAt} is null and ${replacedBy} is null`;
