import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { accessSync, constants, readdirSync, realpathSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import pg from "pg";

/** A PostgreSQL server of the tests' own: one temporary directory, reached through a unix socket in it. */
export interface PostgresServer extends AsyncDisposable {
  /** A connection URL for the given database. */
  readonly url: (database: string) => string;
  /** Where its socket lies, and what was put there for it. */
  readonly directory: string;
  /** Its socket for PgBouncer: directory and port. */
  readonly socket: string;
  /** Ends it, as its machine may; it can be started again. */
  stop(how: "fast" | "immediately"): Promise<void>;
  start(): Promise<void>;
  /** A program of PostgreSQL, run as its user with its data directory. */
  run(program: string, args: readonly string[]): Promise<void>;
}

/** What a server is made of, where it is not the usual one. */
export interface ServerForm {
  /** Settings as `name=value`, instead of those of a hasty one. */
  readonly settings?: readonly string[];
  /** Lines of pg_hba.conf for connections over TCP; those of the socket are trusted. */
  readonly hba?: readonly string[];
  /** Files beside its data, such as keys, readable for its user alone. */
  readonly files?: Readonly<Record<string, string>>;
  /** It listens on 127.0.0.1 as well. */
  readonly port?: number;
  readonly encoding?: string;
  /** Follows this server instead of being new. */
  readonly follows?: PostgresServer;
}

/** Where PostgreSQL's programs are: on the PATH, or where Debian puts them. */
export function findPostgresBin(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = (() => {
    try {
      return readdirSync(debian).sort((a, b) => Number(b) - Number(a));
    } catch {
      return [];
    }
  })();
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    ...versions.map((version) => join(debian, version, "bin")),
  ];
  const folder = folders.find((each) => isExecutable(join(each, "initdb")) && isExecutable(join(each, "postgres")));
  return folder && dirname(realpathSync(join(folder, "postgres")));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** PostgreSQL refuses to run as root: then it runs as the user `postgres`, or `nobody`. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string, user: string) =>
    Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }));
  for (const user of ["postgres", "nobody"]) {
    try {
      return { uid: idOf("-u", user), gid: idOf("-g", user) };
    } catch {
      // no such user: the next one
    }
  }
  return {};
}

/** For tests: nothing has to outlive them. */
export const hasty = ["fsync=off", "max_connections=100", "shared_buffers=64MB", "autovacuum=off"];

const initial = ["-U", "postgres", "-A", "trust", "--no-sync"];
/** A forgotten collation shows. */
const collated = ["--locale-provider=icu", "--icu-locale=en-US"];

/** Starts a server, and ends it when disposed of. */
export async function startPostgresServer(bin: string, form: ServerForm = {}): Promise<PostgresServer> {
  const { settings = hasty, hba = [], files = {}, port, encoding = "UTF8", follows } = form;
  const directory = await mkdtemp(join(tmpdir(), "windlass-pg-"));
  const user = unprivileged();
  const own = async (path: string) => {
    if (user.uid !== undefined && user.gid !== undefined) await chown(path, user.uid, user.gid);
  };
  await own(directory);
  const data = join(directory, "data");
  const run = async (program: string, args: readonly string[]) => {
    await execa(join(bin, program), ["-D", data, ...args], { ...user, cwd: directory });
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text, { mode: 0o600 });
    await own(join(directory, name));
  }
  const locale = encoding === "UTF8" ? collated : ["--locale=C"];
  if (follows === undefined) await run("initdb", [...initial, "-E", encoding, ...locale]);
  else await run("pg_basebackup", ["-R", "-X", "stream", "-c", "fast", "-d", follows.url("postgres")]);
  await writeFile(
    join(data, "pg_hba.conf"),
    `${["local all all trust", "local replication all trust", ...hba].join("\n")}\n`,
  );
  const listen = ["-h", port === undefined ? "" : "127.0.0.1", ...(port === undefined ? [] : ["-p", String(port)])];
  const all = settings.flatMap((setting) => ["-c", setting]);
  let running: { readonly server: ChildProcess; readonly ended: Promise<void> } | undefined;
  const host = encodeURIComponent(directory);
  const url = (database: string) => `postgres://postgres@${host}${port === undefined ? "" : `:${port}`}/${database}`;
  const start = async () => {
    const server = spawn(join(bin, "postgres"), ["-D", data, "-k", directory, ...listen, ...all], {
      ...{ ...user, cwd: directory, stdio: "ignore" },
    });
    running = { server, ended: new Promise<void>((resolve) => server.once("exit", () => resolve())) };
    await answering(url("postgres"));
  };
  const stop = async (how: "fast" | "immediately") => {
    running?.server.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    await running?.ended;
    running = undefined;
  };
  const close = async () => {
    await stop("fast");
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return { url, directory, socket: `${directory}:${port ?? 5432}`, stop, start, run, [Symbol.asyncDispose]: close };
}

export async function answering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return await client.end();
    } catch {
      await sleep(50);
    }
  }
  throw new Error("the test's PostgreSQL server did not answer within 15 s");
}
