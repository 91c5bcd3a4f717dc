import { ask } from "../postgres-pair.ts";
import { findPostgresBin, hasty, type PostgresServer, startPostgresServer } from "../postgres-server.ts";
import { freePort } from "../support/server.ts";

const name = "faults";
const terminate =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/** A PostgreSQL server that can be ended and started again. */
export class FaultyDatabase implements AsyncDisposable {
  readonly port: number;
  readonly #server: PostgresServer;
  #isDown = false;

  private constructor(port: number, server: PostgresServer) {
    this.port = port;
    this.#server = server;
  }

  static async open(): Promise<FaultyDatabase> {
    const port = await freePort();
    const hba = ["host all all 127.0.0.1/32 trust"];
    const server = await startPostgresServer(findPostgresBin() ?? "", { port, hba, settings: hasty });
    await ask(server, `CREATE DATABASE ${name}`);
    return new FaultyDatabase(port, server);
  }

  /** For who reaches it at that port of this machine. */
  urlAt(port: number): string {
    return `postgres://postgres@127.0.0.1:${port}/${name}?connect_timeout=3`;
  }

  async terminateBackEnds(): Promise<void> {
    if (!this.#isDown) await ask(this.#server, terminate, name);
  }

  /** False: it is down already. */
  async end(how: "fast" | "immediately"): Promise<boolean> {
    if (this.#isDown) return false;
    this.#isDown = true;
    await this.#server.stop(how);
    return true;
  }

  async startAgain(): Promise<void> {
    await this.#server.start();
    this.#isDown = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
