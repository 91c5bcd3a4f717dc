import { execFileSync, spawn } from "node:child_process";
import { accessSync, constants, readdirSync, realpathSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import pg from "pg";

/** A PostgreSQL server of the tests' own: one temporary directory, reached through a unix socket in it. */
export interface PostgresServer extends AsyncDisposable {
  /** A connection URL for the given database. */
  readonly url: (database: string) => string;
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
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
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
const hasty = ["fsync=off", "max_connections=100", "shared_buffers=64MB", "autovacuum=off"];

/** Starts a server with an ICU collation (so that a forgotten collation shows) and, unless told otherwise, without fsync. */
export async function startPostgresServer(bin: string, settings: readonly string[] = hasty): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), "windlass-pg-"));
  const user = unprivileged();
  if (user.uid !== undefined && user.gid !== undefined) await chown(directory, user.uid, user.gid);
  const data = join(directory, "data");
  await execa(
    join(bin, "initdb"),
    [
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale-provider=icu",
      "--icu-locale=en-US",
      "--no-sync",
    ],
    { ...user, cwd: directory },
  );
  const server = spawn(
    join(bin, "postgres"),
    ["-D", data, "-k", directory, "-h", "", ...settings.flatMap((setting) => ["-c", setting])],
    { ...user, cwd: directory, stdio: "ignore" },
  );
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const stop = async () => {
    server.kill("SIGINT"); // "fast shutdown"
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  const url = (database: string) => `postgres://postgres@${encodeURIComponent(directory)}/${database}`;
  try {
    await answering(url("postgres"));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    [Symbol.asyncDispose]: stop,
  };
}

async function answering(url: string): Promise<void> {
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
