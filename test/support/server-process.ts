import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Program, programPath, startProgram } from "./programs.ts";

/** A `windlassd` in a process of its own: SQLite in a fresh directory, a free port of 127.0.0.1, no server agent. */
export interface ServerProcess extends AsyncDisposable {
  /** As the server names it, for example `http://127.0.0.1:41234`. */
  readonly url: string;
  /** The API key of the first start's site admin. */
  readonly adminToken: string;
  readonly program: Program;
}

/** Starts a server and waits until it is ready; disposing it stops the process and removes its directory. */
export async function startServer(flags: readonly string[] = []): Promise<ServerProcess> {
  await using starting = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "windlassd-"));
  starting.defer(() => rm(dataDir, { recursive: true, force: true }));
  const program = starting.use(
    startProgram({
      name: "windlassd",
      command: programPath("windlassd"),
      args: [
        ...["--data-dir", dataDir, "--listen", "127.0.0.1:0", "--log-format", "json"],
        ...["--shutdown-timeout", "2s", "--server-agent-concurrency", "0", ...flags],
      ],
    }),
  );
  const [, url = ""] = await program.says(/"url":"([^"]+)".*"windlassd is ready"/);
  const adminToken = (await readFile(join(dataDir, "admin-token"), "utf8")).trim();
  const owned = starting.move();
  return { url, adminToken, program, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
