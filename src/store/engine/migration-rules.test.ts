import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

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
