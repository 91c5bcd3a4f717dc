/**
 * How connections of a PostgreSQL database are shared: `transaction` where a pooler such as PgBouncer gives a server's connection
 * for one transaction only, so that nothing may be left in it for the next.
 */
export type Pooling = "session" | "transaction";

/** What is said of a PostgreSQL database beside its URL. */
export interface PostgresSettings {
  readonly pooling: Pooling;
  /** Of the rows; logs and objects have some of their own. */
  readonly maxConnections: number;
  /** How long a statement may take; 0 is for ever. */
  readonly statementTimeoutMs: number;
  /** Holds the password, and is read anew for each connection. */
  readonly passwordFile?: string | undefined;
}

export const defaultPostgres: PostgresSettings = {
  pooling: "session",
  maxConnections: 10,
  statementTimeoutMs: 60_000,
};

/** A PostgreSQL database and how to ask it. */
export interface DatabasePlace {
  readonly url: string;
  readonly settings?: PostgresSettings | undefined;
  /** Aborted when nobody waits for what is elsewhere any more: connections end at once, whatever they do, and none is made. */
  readonly cutOff?: AbortSignal | undefined;
}
