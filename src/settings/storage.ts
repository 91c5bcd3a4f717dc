import { choice, durationMs, integer, path } from "../lib/setting-schemas.ts";
import { settingsWith } from "../lib/settings.ts";
import { blobUrl } from "./blob-url.ts";
import { postgresUrl } from "./postgres-url.ts";

const { setting, optional } = settingsWith("WINDLASS");

const minute = 60_000;

/** Where windlassd keeps rows and objects. */
export const storageSettings = {
  databaseUrl: optional({
    flag: "database-url",
    about: "postgres://…, also with several hosts and the options of psql: docs/operations.md",
    otherwise: "SQLite in the data directory",
    schema: postgresUrl(),
    isSecret: true,
  }),
  blobUrl: optional({
    flag: "blob-url",
    about:
      "s3://bucket/prefix?endpoint=…&region=…: keep configurations, plans and states in S3 or a store that speaks it",
    otherwise: "where the rows are",
    schema: blobUrl(),
  }),
  databaseDirectUrl: optional({
    flag: "database-direct-url",
    about: "postgres://… of the same database past a pooler of transactions, such as PgBouncer: for locks and notices",
    otherwise: "--database-url",
    schema: postgresUrl(),
    isSecret: true,
  }),
  databasePooling: setting(
    {
      flag: "database-pooling",
      about:
        "whether a connection to PostgreSQL stays one session, or a pooler such as PgBouncer gives it a server for one transaction at a time",
      schema: choice("session", "transaction"),
    },
    "session",
  ),
  databaseConnections: setting(
    {
      flag: "database-connections",
      about: "connections to PostgreSQL for rows, at most; logs and objects have up to 4 each beside them",
      schema: integer(3, 1_000),
    },
    10,
  ),
  databaseStatementTimeout: setting(
    {
      flag: "database-statement-timeout",
      about: "how long a statement in PostgreSQL may take; 0 is for ever",
      schema: durationMs(),
    },
    minute,
  ),
  databasePasswordFile: optional({
    flag: "database-password-file",
    about: "file with the password of --database-url, read anew for each connection",
    schema: path("FILE"),
  }),
} as const;
