import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import pg from "pg";
import { openBlobStore } from "../../src/store/open.ts";
import type { Program } from "../../test/support/programs.ts";
import type { TestServer } from "../../test/support/scene.ts";

/** What a process takes of the machine. */
export interface Taken {
  readonly rssBytes: number;
  readonly descriptors: number;
  /** After a garbage collection. */
  readonly heapBytes: number;
  readonly externalBytes: number;
}

/** What a server takes, and what it has stored. */
export interface Sample extends Taken {
  readonly rowBytes: number;
  readonly logBytes: number;
  readonly objectBytes: number;
  readonly objects: number;
  /** By table. */
  readonly rows: ReadonlyMap<string, number>;
}

/** Looks at a program that was started with an inspector. */
export async function takenBy(program: Program): Promise<Taken> {
  const { rss, heapUsed, external } = await memoryOf(program);
  const descriptors = await descriptorsOf(program);
  return { rssBytes: rss, heapBytes: heapUsed, externalBytes: external, descriptors };
}

export const descriptorsOf = async ({ pid }: Program): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length;

/** The most that a process has ever taken. */
export async function peakBytes({ pid }: Program): Promise<number> {
  return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

/** Looks at a server that was started with an inspector and a metrics port. */
export async function sampleOf(server: TestServer, databaseUrl: string | undefined): Promise<Sample> {
  const metrics = await metricsOf(server.program);
  const { count, bytes } = await objectsOf(server, databaseUrl);
  return {
    ...(await takenBy(server.program)),
    rowBytes: metrics('windlass_storage_bytes{kind="rows"}'),
    logBytes: metrics('windlass_storage_bytes{kind="logs"}'),
    objects: count,
    objectBytes: bytes,
    rows: databaseUrl === undefined ? rowsOfFile(join(server.dataDir, "windlass.db")) : await rowsOfUrl(databaseUrl),
  };
}

/** After three collections: what one frees may hold what the next one does. */
async function memoryOf(program: Program): Promise<NodeJS.MemoryUsage> {
  const [, url = ""] = await program.says(/Debugger listening on (ws:\S+)/);
  const socket = new WebSocket(url);
  await once(socket, "open");
  const ask = async (method: string, params: object = {}): Promise<string> => {
    const answered = once(socket, "message");
    socket.send(JSON.stringify({ id: 1, method, params }));
    return String((await answered)[0].data);
  };
  for (let round = 1; round <= 3; round += 1) await ask("HeapProfiler.collectGarbage");
  const expression = "JSON.stringify(process.memoryUsage())";
  const { result } = JSON.parse(await ask("Runtime.evaluate", { expression, returnByValue: true }));
  const closed = once(socket, "close");
  socket.close();
  await closed;
  return JSON.parse(result.result.value);
}

async function metricsOf(program: Program): Promise<(series: string) => number> {
  const [, url = ""] = await program.says(/"url":"([^"]+)"[^\n]*metrics, \/healthz and \/readyz are served/);
  const answer = await fetch(`${url}/metrics`, { headers: { connection: "close" } });
  const lines = (await answer.text()).split("\n");
  return (series) => {
    const line = lines.find((each) => each.startsWith(`${series} `));
    if (line === undefined) throw new Error(`the server has no metric ${series}`);
    return Number(line.slice(series.length + 1));
  };
}

async function objectsOf({ dataDir }: TestServer, databaseUrl: string | undefined) {
  const url = databaseUrl ?? `files:${join(dataDir, "blobs")}`;
  await using blobs = await openBlobStore({ url, migrate: "off", isShared: true });
  return await blobs.usage(); // before it is closed
}

function rowsOfFile(path: string): ReadonlyMap<string, number> {
  const db = new Database(path, { readonly: true });
  try {
    const names = db
      .prepare<[], { name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_\\_%' ESCAPE '\\'",
      )
      .all();
    const count = (name: string) => db.prepare<[], { count: number }>(`SELECT count(*) AS count FROM "${name}"`).get();
    return new Map(names.map(({ name }) => [name, count(name)?.count ?? 0]));
  } finally {
    db.close();
  }
}

async function rowsOfUrl(url: string): Promise<ReadonlyMap<string, number>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    const counts = new Map<string, number>();
    for (const { name } of rows) {
      const found = await client.query<{ count: string }>(`SELECT count(*) AS count FROM "${name}"`);
      counts.set(name, Number(found.rows[0]?.count ?? 0));
    }
    return counts;
  } finally {
    await client.end();
  }
}
