import { readdirSync, readFileSync } from "node:fs";
import Database from "better-sqlite3";
import type pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { journalOf, migrationsRoot, olderMigrations } from "../../../test/support/store/migration-sets.ts";
import { connectPostgres } from "../postgres/connections.ts";
import { DatabaseRoute } from "../postgres/route.ts";
import { migratePostgres, migrateSqlite } from "./migrate.ts";

const root = new URL("../../../migrations/", import.meta.url).pathname;
/** Up to these, no two versions ran beside each other. */
const lastFree: Readonly<Record<string, string>> = { postgres: "0015_log_times", sqlite: "0013_browser_sessions" };

/** What a replica of the version before trips over that still serves when the migration has run. */
const harmful: readonly (readonly [RegExp, string])[] = [
  [/\bDROP (TABLE|COLUMN|VIEW|SCHEMA)\b/i, "what it reads is gone"],
  [/\bRENAME\b/i, "what it reads has another name"],
  [/\bALTER COLUMN \S+ (SET DATA )?TYPE\b/i, "what it reads is something else"],
  [/\bSET NOT NULL\b/i, "it may write nothing there"],
  [/\bADD COLUMN (?=.*\bNOT NULL\b)(?!.*\bDEFAULT\b)/i, "it writes nothing there"],
  [/\bADD CONSTRAINT\b(?!.*\bFOREIGN KEY\b.*\bDEFERR)/i, "it does not keep to it"],
  [/\bCREATE UNIQUE INDEX\b/i, "it does not keep to it"],
  [/\bDROP DEFAULT\b/i, "it may rely on it"],
];
/** A step that takes away what no version reads any more says since which: `-- contract: since 0.3.0`. */
const contract = /^\s*-- contract: since \d+\.\d+\.\d+/m;

/** What is wrong with a migration beside the version before it. */
function harmIn(sql: string): readonly string[] {
  const made = new Set([...sql.matchAll(/\bCREATE TABLE (?:IF NOT EXISTS )?["`]?(\w+)/gi)].map(([, name]) => name));
  return sql.split("--> statement-breakpoint").flatMap((statement) => {
    if (contract.test(statement)) return [];
    const text = statement.replace(/--.*$/gm, "").replace(/\s+/g, " ").trim();
    // A table that is made here is nobody's yet.
    const table = /\b(?:ALTER TABLE|ON) ["`]?(\w+)/i.exec(text)?.[1];
    if (table !== undefined && made.has(table)) return [];
    return harmful.flatMap(([pattern, why]) => (pattern.test(text) ? [`${text.slice(0, 80)}: ${why}`] : []));
  });
}

describe.each(Object.entries(lastFree))("migrations of %s", (engine, last) => {
  test("leave to the version before what it reads and writes, or say since when nothing does", () => {
    const files = readdirSync(`${root}${engine}`).filter((name) => name.endsWith(".sql"));
    expect(files).toContain(`${last}.sql`);
    const later = files.filter((name) => name > `${last}.sql`);
    const wrong = later.flatMap((name) =>
      harmIn(readFileSync(`${root}${engine}/${name}`, "utf8")).map((harm) => `${name}: ${harm}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** What a column is to those who write and read it. */
interface Column {
  readonly place: string;
  readonly type: string;
  /** A row can be made without it. */
  readonly isSpare: boolean;
}

interface Shape {
  readonly columns: readonly Column[];
  /** Uniqueness and checks, each in words. */
  readonly demands: readonly string[];
}

/** What the version before would trip over in the tables themselves, whatever statements made them so. */
function harmBetween(before: Shape, after: Shape): readonly string[] {
  const now = new Map(after.columns.map((column) => [column.place, column]));
  const tables = new Set(before.columns.map(({ place }) => place.split(".")[0]));
  const known = new Set(before.columns.map(({ place }) => place));
  const isOld = ({ place }: Column) => tables.has(place.split(".")[0]);
  return [
    ...before.columns.flatMap(({ place, type, isSpare }) => {
      const found = now.get(place);
      if (found === undefined) return [`${place} is gone`];
      if (found.type !== type) return [`${place} was ${type} and is ${found.type}`];
      return isSpare && !found.isSpare ? [`${place} has to be written now`] : [];
    }),
    ...after.columns
      .filter((column) => isOld(column) && !known.has(column.place) && !column.isSpare)
      .map(({ place }) => `${place} is new and has to be written`),
    ...after.demands
      .filter((demand) => tables.has(demand.split(" ")[0]) && !before.demands.includes(demand))
      .map((demand) => `new: ${demand}`),
  ];
}

async function shapeOfPostgres(client: pg.Client): Promise<Shape> {
  const columns = await client.query<Column>(`
    SELECT table_name || '.' || column_name AS place, udt_name AS type,
           is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES' AS "isSpare"
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`);
  const demands = await client.query<{ demand: string }>(`
    SELECT tablename || ' ' || indexdef AS demand FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'
    UNION SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype = 'c'`);
  return { columns: columns.rows, demands: demands.rows.map(({ demand }) => demand) };
}

function shapeOfSqlite(db: Database.Database): Shape {
  const tables = "sqlite_master AS t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
  const columns = db
    .prepare<[], { place: string; type: string; spare: number }>(
      `SELECT t.name || '.' || c.name AS place, c.type AS type,
              c."notnull" = 0 OR c.dflt_value IS NOT NULL OR c.pk > 0 AS spare
       FROM ${tables.replace(" WHERE", ", pragma_table_info(t.name) AS c WHERE")}`,
    )
    .all();
  const demands = db
    .prepare<[], { demand: string }>(
      `SELECT t.name || ' unique ' || (SELECT group_concat(name) FROM pragma_index_info(i.name)) || ' ' || i.partial AS demand
       FROM ${tables.replace(" WHERE", ", pragma_index_list(t.name) AS i WHERE")} AND i."unique" = 1`,
    )
    .all();
  return {
    columns: columns.map(({ spare, ...column }) => ({ ...column, isSpare: spare !== 0 })),
    demands: demands.map(({ demand }) => demand),
  };
}

describe("the tables that a migration leaves", () => {
  let held: AsyncDisposableStack;
  beforeEach(() => {
    held = new AsyncDisposableStack();
  });
  afterEach(() => held.disposeAsync());

  /** Applies them one after the other; answers what each one that came after `lastFree` breaks. */
  async function harmOfEach(engine: string, migrated: (folder: string) => Promise<Shape>): Promise<readonly string[]> {
    const tags = (await journalOf(`${migrationsRoot}${engine}`)).entries.map(({ tag }) => tag);
    const free = lastFree[engine] ?? "";
    const wrong: string[] = [];
    let before = await migrated(await olderMigrations(held, engine, `${free}~`));
    for (const tag of tags.filter((one) => one > free)) {
      const after = await migrated(await olderMigrations(held, engine, `${tag}~`));
      // What a contract says of itself is read above.
      const sql = readFileSync(`${migrationsRoot}${engine}/${tag}.sql`, "utf8");
      if (!contract.test(sql)) wrong.push(...harmBetween(before, after).map((harm) => `${tag}: ${harm}`));
      before = after;
    }
    return wrong;
  }

  test.skipIf(!hasPostgres)("of postgres take what the version before writes, and give what it reads", async () => {
    const { url } = held.use(await createTestDatabase());
    const client = await connectPostgres(new DatabaseRoute({ url }), "a test");
    held.defer(() => client.end());
    const migrated = async (folder: string) => {
      await migratePostgres(client, { folder });
      return shapeOfPostgres(client);
    };
    expect(await harmOfEach("postgres", migrated)).toEqual([]);
    // And the eye is open.
    const before = await shapeOfPostgres(client);
    await client.query(`
      ALTER TABLE runs ADD COLUMN later text NOT NULL DEFAULT ''; ALTER TABLE runs ALTER COLUMN later DROP DEFAULT;
      ALTER TABLE workspaces RENAME COLUMN name TO title; ALTER TABLE jobs ADD CONSTRAINT few CHECK (epoch < 3);
      CREATE UNIQUE INDEX one_of_each ON agents (name); CREATE TABLE new (id text NOT NULL UNIQUE)`);
    const harm = harmBetween(before, await shapeOfPostgres(client));
    expect(harm.map((one) => one.split(":")[0])).toEqual([
      "workspaces.name is gone",
      "runs.later is new and has to be written",
      "workspaces.title is new and has to be written",
      // The check, the index, and the index of the column that has another name.
      ...["new", "new", "new"],
    ]);
  });

  test("of sqlite take what the version before writes, and give what it reads", async () => {
    const db = new Database(":memory:");
    held.defer(() => void db.close());
    const migrated = async (folder: string) => {
      migrateSqlite(db, folder);
      return shapeOfSqlite(db);
    };
    expect(await harmOfEach("sqlite", migrated)).toEqual([]);
    const before = shapeOfSqlite(db);
    db.exec("ALTER TABLE workspaces RENAME COLUMN name TO title; CREATE UNIQUE INDEX one_of_each ON agents (name)");
    expect(harmBetween(before, shapeOfSqlite(db))).toEqual([
      "workspaces.name is gone",
      "workspaces.title is new and has to be written",
      "new: agents unique name 0",
      expect.stringMatching(/new: workspaces unique .*title/),
    ]);
  });
});

describe("a migration beside the version before it", () => {
  test.each([
    ['DROP TABLE "jobs";', 1],
    ['ALTER TABLE "jobs" DROP COLUMN "rank";', 1],
    ['ALTER TABLE "jobs" RENAME COLUMN "rank" TO "place";', 1],
    ["ALTER TABLE `jobs` RENAME TO `tasks`;", 1],
    ['ALTER TABLE "jobs" ALTER COLUMN "rank" SET DATA TYPE bigint;', 1],
    ['ALTER TABLE "jobs" ALTER COLUMN "rank" SET NOT NULL;', 1],
    ['ALTER TABLE "jobs" ADD COLUMN "place" bigint NOT NULL;', 1],
    ['CREATE UNIQUE INDEX "one" ON "jobs" ("rank");', 1],
    ["CREATE TABLE `__new_jobs` (`id` text);--> statement-breakpoint\nDROP TABLE `jobs`;", 1],
    ['ALTER TABLE "jobs" ADD COLUMN "place" bigint;', 0],
    ['ALTER TABLE "jobs" ADD COLUMN "place" bigint DEFAULT 0 NOT NULL;', 0],
    ['CREATE INDEX "jobs_rank" ON "jobs" ("rank");--> statement-breakpoint\nDROP INDEX "jobs_old";', 0],
    ['CREATE TABLE "new" ("id" text NOT NULL);--> statement-breakpoint\nCREATE UNIQUE INDEX "u" ON "new" ("id");', 0],
    ['-- contract: since 0.3.0 nothing reads it\nALTER TABLE "jobs" DROP COLUMN "rank";', 0],
  ])("%s", (sql, count) => expect(harmIn(sql)).toHaveLength(count));
});
