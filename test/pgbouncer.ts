import { inject } from "vitest";
import type { DatabasePlace } from "../src/store/postgres/settings.ts";
import { defaultPostgres } from "../src/store/postgres/settings.ts";
import { createTestDatabase, hasPostgres } from "./postgres.ts";

const door = inject("postgresDoor");
/** Only valid where `hasPgbouncer`. */
export const pgbouncerProgram = inject("pgbouncer") ?? "";

/** True where PgBouncer and PostgreSQL are installed. Else its tests are skipped with a loud word on a laptop, and fail in CI. */
export const hasPgbouncer = hasPostgres && pgbouncerProgram !== "";

if (!hasPgbouncer) {
  if (process.env.CI) throw new Error("pgbouncer was not found, and CI must have it: apt-get install pgbouncer");
  console.warn("SKIPPED: tests through PgBouncer, because it was not found: apt-get install pgbouncer");
}

/** A database of one test's own, and the way to it through a PgBouncer that shares its connections by transaction. */
export async function pooledPlace(held: AsyncDisposableStack): Promise<DatabasePlace & { readonly directUrl: string }> {
  const { url: directUrl } = held.use(await createTestDatabase());
  const answer = await fetch(`${door}pooled`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  const url = text.replace(/postgres$/, new URL(directUrl).pathname.slice(1));
  return { url, directUrl, settings: { ...defaultPostgres, pooling: "transaction" } };
}
