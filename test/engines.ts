import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, hasPostgres } from "./postgres.ts";

/** The two places where windlassd may keep what it knows, each fresh for one test. */
export interface TestEngine {
  readonly name: "sqlite" | "postgres";
  /** URLs for `openStore`, `openLogStore` and `openBlobStore`; what they name goes away with `held`. */
  urls(held: AsyncDisposableStack): Promise<{ readonly rows: string; readonly logs: string; readonly objects: string }>;
}

const sqlite: TestEngine = {
  name: "sqlite",
  urls: async (held) => {
    const folder = await mkdtemp(join(tmpdir(), "windlass-test-"));
    held.defer(() => rm(folder, { recursive: true, force: true }));
    return { rows: `sqlite:${folder}/rows.db`, logs: `sqlite:${folder}/logs.db`, objects: `files:${folder}/objects` };
  },
};

const postgres: TestEngine = {
  name: "postgres",
  urls: async (held) => {
    const { url } = held.use(await createTestDatabase());
    return { rows: url, logs: url, objects: url };
  },
};

/** For `describe.each`: both engines, or only SQLite where PostgreSQL is not installed. */
export const testEngines: readonly TestEngine[] = hasPostgres ? [sqlite, postgres] : [sqlite];
