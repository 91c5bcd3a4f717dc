import { userInfo } from "node:os";
import type pg from "pg";
import { readEnvironment } from "../../lib/environment.ts";
import { type DatabaseAddress, type DatabaseHost, readDatabaseUrl } from "../../lib/net/database-url.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { passwordOf } from "./passwords.ts";
import { type DatabasePlace, defaultPostgres, type PostgresSettings } from "./settings.ts";
import { DatabaseEncryption } from "./tls.ts";

/** One way to try: a host, with or without TLS. */
interface Candidate extends DatabaseHost {
  readonly isEncrypted: boolean;
}

/**
 * How a database is reached. Of several hosts one is asked, until it does not answer or cannot be written to: then the next one, and
 * again the first after the last.
 */
export class DatabaseRoute {
  readonly settings: PostgresSettings;
  readonly address: DatabaseAddress;
  readonly cutOff: AbortSignal | undefined;
  readonly #candidates: readonly Candidate[];
  readonly #encryption: DatabaseEncryption;
  readonly #password: ReturnType<typeof passwordOf>;
  #at = 0;
  #timeline = "";

  constructor({ url, settings = defaultPostgres, cutOff }: DatabasePlace) {
    const read = readDatabaseUrl(url);
    if (read.kind === "problem")
      throw new WindlassError("validation", `the URL of the database cannot be read: ${read.problem ?? "no URL"}`);
    this.settings = settings;
    this.cutOff = cutOff;
    this.address = read.address;
    this.#candidates = candidatesOf(read.address);
    this.#encryption = new DatabaseEncryption(read.address.tls);
    this.#password = passwordOf(read.address, settings.passwordFile);
  }

  /** How many ways there are to try. */
  get count(): number {
    return this.#candidates.length;
  }

  /** Which of them is tried next. */
  get at(): number {
    return this.#at;
  }

  /** Nothing has to be looked at before a connection is opened. */
  get isPlain(): boolean {
    return this.count === 1 && !this.#encryption.hasFiles;
  }

  /** The way that was tried led nowhere. */
  failed(at: number): void {
    if (at === this.#at) this.#at = (at + 1) % this.count;
  }

  /** True for a server whose history ends before that of one that was asked already; of one that is not, it is remembered. */
  isFormer(timeline: string): boolean {
    if (timeline === "" || timeline < this.#timeline) return timeline !== "";
    this.#timeline = timeline;
    return false;
  }

  /** Called before a connection is opened. */
  async prepare(): Promise<void> {
    if (this.#encryption.hasFiles) await this.#encryption.refresh();
  }

  /** What the driver is told of the next connection. */
  config(): pg.ClientConfig {
    const { host, port, isEncrypted } = this.#candidate();
    const { options, applicationName, connectTimeoutMs, keepAliveAfterMs, tls } = this.address;
    const { PGUSER, PGDATABASE } = readEnvironment();
    const user = this.address.user ?? PGUSER ?? userInfo().username;
    const database = this.address.database ?? PGDATABASE ?? user;
    return {
      ...(host === undefined ? {} : { host }),
      ...{ port, user, database, connectionTimeoutMillis: connectTimeoutMs },
      password: () => this.#password({ host, port, user, database }),
      ssl: isEncrypted ? { ...this.#encryption.forDriver() } : false,
      ...(tls.isDirect ? { sslnegotiation: "direct" as const } : {}),
      ...(options === undefined ? {} : { options }),
      ...(applicationName === undefined ? {} : { application_name: applicationName }),
      keepAlive: keepAliveAfterMs > 0,
      keepAliveInitialDelayMillis: keepAliveAfterMs,
    };
  }

  /** An error of a connection with the host that it is about, where there are several. */
  named(at: number, error: unknown): string {
    const { host = "localhost", port } = this.#candidate(at);
    return this.count === 1 ? messageOf(error) : `${host}:${port}: ${messageOf(error)}`;
  }

  #candidate(at = this.#at): Candidate {
    const candidate = this.#candidates[at];
    if (candidate === undefined) throw new Error("a database has at least one host");
    return candidate;
  }
}

/** A socket of this machine is not encrypted; `prefer` does without where the server has no TLS. */
function candidatesOf({ hosts, tls: { mode } }: DatabaseAddress): readonly Candidate[] {
  return hosts.flatMap((one) => {
    if (mode === "disable" || one.host?.startsWith("/") === true) return [{ ...one, isEncrypted: false }];
    const encrypted = { ...one, isEncrypted: true };
    return mode === "prefer" ? [encrypted, { ...one, isEncrypted: false }] : [encrypted];
  });
}
