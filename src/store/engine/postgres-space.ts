import type pg from "pg";

/** The bytes of these tables of the database, indexes included. */
export async function sizeOfTables(pool: pg.Pool, tables: readonly string[]): Promise<number> {
  const { rows } = await pool.query<{ bytes: string }>(
    "SELECT coalesce(sum(pg_total_relation_size(name::regclass)), 0) AS bytes FROM unnest($1::text[]) AS name",
    [tables],
  );
  return Number(rows[0]?.bytes ?? 0);
}

/** The bytes of the whole database. */
export async function sizeOfDatabase(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ bytes: string }>("SELECT pg_database_size(current_database()) AS bytes");
  return Number(rows[0]?.bytes ?? 0);
}

/** Where logs and objects lie on PostgreSQL. */
export const logTables = ["log_streams", "log_pieces", "log_times"] as const;
export const blobTables = ["blobs", "blob_uploads", "blob_pieces"] as const;
