import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";

export const migrationsRoot = new URL("../../../migrations/", import.meta.url).pathname;

const journalShape = z.object({
  version: z.string(),
  dialect: z.string(),
  entries: z.array(z.looseObject({ idx: z.number(), when: z.number(), tag: z.string() })),
});
type Journal = z.infer<typeof journalShape>;

/** The list of an engine's migrations, in the order in which they are applied. */
export const journalOf = async (folder: string): Promise<Journal> =>
  journalShape.parse(JSON.parse(await readFile(join(folder, "meta", "_journal.json"), "utf8")));

/** A copy of an engine's migrations without those from `tag` on, as an older program had them. */
export const olderMigrations = (held: AsyncDisposableStack, engine: string, tag: string): Promise<string> =>
  changed(held, engine, (entries) => entries.filter((entry) => entry.tag < tag));

/** A copy of an engine's migrations with some more, as newer programs would bring them one after the other. */
export async function newerMigrations(
  held: AsyncDisposableStack,
  engine: string,
  ...more: readonly string[]
): Promise<string> {
  const folder = await changed(held, engine, (entries) => {
    const last = entries.at(-1);
    const added = more.map((_, at) => ({
      ...last,
      ...{ idx: entries.length + at, tag: `newer${at}`, when: (last?.when ?? 0) + 1 + at },
    }));
    return [...entries, ...added];
  });
  for (const [at, statements] of more.entries()) await writeFile(join(folder, `newer${at}.sql`), statements);
  return folder;
}

async function changed(
  held: AsyncDisposableStack,
  engine: string,
  change: (entries: Journal["entries"]) => Journal["entries"],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "windlass-migrations-"));
  held.defer(() => rm(folder, { recursive: true, force: true }));
  await cp(join(migrationsRoot, engine), folder, { recursive: true });
  const journal = await journalOf(folder);
  const entries = change(journal.entries);
  await writeFile(join(folder, "meta", "_journal.json"), JSON.stringify({ ...journal, entries }));
  return folder;
}
