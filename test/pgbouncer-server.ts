import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { answering, type PostgresServer, unprivileged } from "./postgres-server.ts";

/** PgBouncer in front of a server of the tests. */
export interface Pgbouncer extends AsyncDisposable {
  /** A connection URL for the given database, through it. */
  readonly url: (database: string) => string;
  /** Where its socket lies. */
  readonly directory: string;
  /** Ends it as it is told to when it is upgraded: at once. It can be started again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface PgbouncerForm {
  readonly server: Pick<PostgresServer, "directory">;
  /** The socket of a server that has another port than the usual one. */
  readonly target?: string;
  readonly mode?: "transaction" | "session";
  readonly settings?: readonly string[];
}

/** Where PgBouncer's program is: on the PATH, or where Debian puts it. */
export function findPgbouncer(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "pgbouncer")).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As a distribution brings it: nothing is set that makes it kinder to what does not fit it. */
export async function startPgbouncer(
  program: string,
  { server, target, mode = "transaction", settings = [] }: PgbouncerForm,
): Promise<Pgbouncer> {
  const directory = await mkdtemp(join(tmpdir(), "windlass-pool-"));
  const user = unprivileged();
  const [host = "", port = "5432"] = target?.split(":") ?? [server.directory];
  const config = [
    "[databases]",
    `* = host=${host} port=${port} user=postgres`,
    "[pgbouncer]",
    "listen_addr =",
    `unix_socket_dir = ${directory}`,
    "listen_port = 6432",
    "auth_type = any",
    `pool_mode = ${mode}`,
    "default_pool_size = 20",
    "max_client_conn = 400",
    "server_login_retry = 1",
    ...settings,
  ];
  const path = join(directory, "pgbouncer.ini");
  await writeFile(path, `${config.join("\n")}\n`);
  if (user.uid !== undefined && user.gid !== undefined)
    for (const one of [directory, path]) await chown(one, user.uid, user.gid);
  const url = (database: string) => `postgres://postgres@${encodeURIComponent(directory)}:6432/${database}`;
  let running: { end(): Promise<void> } | undefined;
  const start = async () => {
    const child = spawn(program, ["-q", path], { ...user, cwd: directory, stdio: "ignore" });
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    running = {
      end: async () => {
        child.kill("SIGTERM"); // at once
        await ended;
      },
    };
    await answering(url("postgres"));
  };
  const stop = async () => {
    await running?.end();
    running = undefined;
  };
  const close = async () => {
    await stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return { url, directory, start, stop, [Symbol.asyncDispose]: close };
}
