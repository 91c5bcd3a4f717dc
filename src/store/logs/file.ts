import { createHash, type Hash } from "node:crypto";
import Database from "better-sqlite3";
import { inSqliteFile } from "../../lib/fs/sqlite-file.ts";
import { freePages, keepGivingBack } from "../engine/sqlite-space.ts";
import type { AppendResult, LogMove, SealResult } from "../ports/logs.ts";
import type { LogCommand, LogCommandAnswer } from "./operations.ts";
import { isNewTime } from "./times.ts";

type AppendCommand = Extract<LogCommand, { readonly kind: "append" }>;

/** What the file's format is called; a file of a later one is refused. */
export const logFileVersion = 1;
/** The same with a stream whose bytes lie elsewhere: who does not know that would read nothing but zeros. */
const archiveVersion = 2;

const schema = `
  CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    length INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'sealed', 'gap')),
    missing INTEGER,
    sha256 TEXT
  ) STRICT;
  CREATE TABLE pieces (
    stream INTEGER NOT NULL,
    start INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (stream, start)
  ) STRICT;
  PRAGMA user_version = ${logFileVersion};
`;

// A table and a trigger that older programs do not know and need not: what they write has no times, and what they delete takes
// its times along, before another stream gets its id.
const laterSchema = `
  CREATE TABLE IF NOT EXISTS times (
    stream INTEGER NOT NULL,
    start INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, start)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER IF NOT EXISTS times_go AFTER DELETE ON streams BEGIN DELETE FROM times WHERE stream = old.id; END;
`;

const archiveColumn = "ALTER TABLE streams ADD COLUMN archive TEXT;";

interface StreamRow {
  readonly id: number;
  readonly length: number;
  readonly status: "open" | "sealed" | "gap";
  readonly missing: number | null;
  readonly sha256: string | null;
  readonly archive: string | null;
}

/** A stream as it will be once the group is committed. */
interface Stream {
  readonly id: number;
  length: number;
  status: StreamRow["status"];
  missing: number | null;
  sha256: string | null;
  /** Key of the object in which its bytes lie. */
  archive: string | null;
  /** Of all bytes so far; undefined when the stream was begun by an earlier process: then it is read again at the seal. */
  hash: Hash | undefined;
  /** Bytes of this group, not inserted yet: they become one piece. */
  pending: Uint8Array[];
  pendingBytes: number;
  /** The last time that is remembered. */
  timeMs: number | undefined;
}

const maxPieceBytes = 256 * 1024;
const maxKnownStreams = 4096;

/** Opens, and creates if needed, a file of log streams. Throws on a file of a later version. */
function openLogDatabase(path: string): Database.Database {
  const db = new Database(path);
  db.pragma("page_size = 16384");
  keepGivingBack(db);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("busy_timeout = 5000");
  db.pragma("journal_size_limit = 67108864");
  db.pragma("wal_autocheckpoint = 1000");
  const version = db.pragma("user_version", { simple: true });
  if (version === 0) db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`);
  else if (version !== logFileVersion && version !== archiveVersion) {
    db.close();
    throw new Error(
      `the log file ${path} has version ${String(version)} and this windlassd knows version ${archiveVersion}: start the newer windlassd`,
    );
  }
  const hasArchive =
    db.prepare("SELECT 1 FROM pragma_table_info('streams') WHERE name = 'archive'").get() !== undefined;
  db.exec(`BEGIN IMMEDIATE; ${laterSchema} ${hasArchive ? "" : archiveColumn} COMMIT;`);
  return db;
}

/** The one writer of a file of log streams. Synchronous: it lives in a thread of its own. */
export class LogFile {
  readonly #db: Database.Database;
  readonly #find;
  readonly #create;
  readonly #update;
  readonly #insertPiece;
  readonly #pieces;
  readonly #deletePieces;
  readonly #deleteStream;
  readonly #insertTime;
  readonly #lastTime;
  readonly #deleteTimes;
  readonly #known = new Map<string, Stream>();
  readonly #changed = new Set<Stream>();

  constructor(path: string) {
    const db = inSqliteFile(path, () => openLogDatabase(path));
    this.#db = db;
    this.#find = db.prepare<[string], StreamRow>(
      "SELECT id, length, status, missing, sha256, archive FROM streams WHERE name = ?",
    );
    this.#create = db.prepare<[string], { id: number }>(
      "INSERT INTO streams (name, length, status) VALUES (?, 0, 'open') RETURNING id",
    );
    this.#update = db.prepare(
      "UPDATE streams SET length = ?, status = ?, missing = ?, sha256 = ?, archive = ? WHERE id = ?",
    );
    this.#insertPiece = db.prepare("INSERT INTO pieces (stream, start, bytes) VALUES (?, ?, ?)");
    this.#pieces = db.prepare<[number], { bytes: Uint8Array }>(
      "SELECT bytes FROM pieces WHERE stream = ? ORDER BY start",
    );
    this.#deletePieces = db.prepare("DELETE FROM pieces WHERE stream = ?");
    this.#deleteStream = db.prepare("DELETE FROM streams WHERE id = ?");
    // An older program may have emptied a stream and left its times.
    this.#insertTime = db.prepare("INSERT OR REPLACE INTO times (stream, start, at_ms) VALUES (?, ?, ?)");
    this.#lastTime = db.prepare<[number], { atMs: number }>(
      "SELECT at_ms AS atMs FROM times WHERE stream = ? ORDER BY start DESC LIMIT 1",
    );
    this.#deleteTimes = db.prepare("DELETE FROM times WHERE stream = ?");
  }

  /** Does all commands in one transaction, durable when it returns. If it throws, nothing was done. */
  commit(commands: readonly LogCommand[]): LogCommandAnswer[] {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      const answers = commands.map((command) => this.#do(command));
      for (const stream of this.#changed) this.#save(stream);
      this.#db.exec("COMMIT");
      this.#forgetOldest();
      return answers;
    } catch (error) {
      this.#known.clear(); // what is known may not have been stored
      this.#changed.clear();
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  #do(command: LogCommand): LogCommandAnswer {
    switch (command.kind) {
      case "append":
        return {
          kind: "append_result",
          result: this.#append(this.#stream(command.stream), command),
        };
      case "seal":
        return {
          kind: "seal_result",
          result: this.#seal(this.#stream(command.stream), command.length, command.sha256),
        };
      case "seal_with_gap":
        return this.#setStatus(this.#stream(command.stream), "gap", command.missingBytes ?? null);
      case "reopen":
        return this.#setStatus(this.#stream(command.stream), "open", null);
      case "archive":
        return { kind: "archived", isDone: this.#archive(this.#stream(command.stream), command.move) };
      case "empty":
        return this.#empty(command.stream);
      case "delete":
        return this.#delete(command.stream);
      case "give_back":
        return { kind: "given_back", hasMore: freePages(this.#db, command.pages) };
    }
  }

  #stream(name: string): Stream {
    const known = this.#known.get(name);
    if (known !== undefined) {
      this.#known.delete(name); // last in the map's order: forgotten last
      this.#known.set(name, known);
      return known;
    }
    const row = this.#find.get(name) ?? { ...this.#create.get(name), ...emptyStream };
    if (row.id === undefined) throw new Error("the log file gave no id to a new stream");
    const hash = row.length === 0 ? createHash("sha256") : undefined;
    const timeMs = row.length === 0 ? undefined : this.#lastTime.get(row.id)?.atMs;
    const stream: Stream = { ...row, id: row.id, hash, pending: [], pendingBytes: 0, timeMs };
    this.#known.set(name, stream);
    return stream;
  }

  #append(stream: Stream, { offset, bytes, atMs }: AppendCommand): AppendResult {
    if (stream.status !== "open") return { kind: "sealed", nextOffset: stream.length };
    if (offset > stream.length) return { kind: "gap", nextOffset: stream.length };
    const fresh = bytes.subarray(Math.min(stream.length - offset, bytes.length));
    if (fresh.length > 0) {
      if (isNewTime(stream.timeMs, atMs)) {
        this.#insertTime.run(stream.id, stream.length, atMs);
        stream.timeMs = atMs;
      }
      if (stream.pendingBytes + fresh.length > maxPieceBytes) this.#insertPending(stream);
      stream.hash?.update(fresh);
      stream.pending.push(fresh);
      stream.pendingBytes += fresh.length;
      stream.length += fresh.length;
      this.#changed.add(stream);
    }
    return { kind: "appended", nextOffset: stream.length, addedBytes: fresh.length };
  }

  #seal(stream: Stream, length: number, sha256: string): SealResult {
    const nextOffset = stream.length;
    if (length > nextOffset) return { kind: "incomplete", nextOffset };
    const stored = stream.sha256 ?? this.#digest(stream);
    if (length < nextOffset || stored !== sha256) return { kind: "mismatch", nextOffset };
    if (stream.status !== "sealed") {
      Object.assign(stream, { status: "sealed", missing: null, sha256 });
      this.#changed.add(stream);
    }
    return { kind: "sealed" };
  }

  #digest(stream: Stream): string {
    if (stream.hash === undefined) {
      this.#insertPending(stream);
      stream.hash = createHash("sha256");
      for (const { bytes } of this.#pieces.iterate(stream.id)) stream.hash.update(bytes);
    }
    return stream.hash.copy().digest("hex");
  }

  #setStatus(stream: Stream, status: "open" | "gap", missing: number | null): LogCommandAnswer {
    if (stream.status !== "sealed") {
      Object.assign(stream, { status, missing });
      this.#changed.add(stream);
    }
    return { kind: "done" };
  }

  #archive(stream: Stream, { key, was, sha256 }: LogMove): boolean {
    if (stream.status !== "sealed" || stream.sha256 !== sha256 || stream.archive !== was) return false;
    this.#db.pragma(`user_version = ${archiveVersion}`);
    this.#deletePieces.run(stream.id);
    stream.archive = key;
    // Sealed in this very group, it may have bytes that are not in the file yet.
    Object.assign(stream, { pending: [], pendingBytes: 0 });
    this.#changed.add(stream);
    return true;
  }

  /** In one transaction: a crash leaves the whole log, or its gap. */
  #empty(name: string): LogCommandAnswer {
    const known = this.#stream(name);
    this.#deletePieces.run(known.id);
    this.#deleteTimes.run(known.id);
    const { id, length } = known;
    const emptied: Stream = { ...empty, id, status: "gap", missing: length, pending: [], hash: createHash("sha256") };
    this.#changed.delete(known);
    this.#known.set(name, emptied);
    this.#changed.add(emptied);
    return { kind: "done" };
  }

  #delete(name: string): LogCommandAnswer {
    const known = this.#known.get(name);
    if (known !== undefined) this.#changed.delete(known);
    const row = known ?? this.#find.get(name);
    this.#known.delete(name);
    if (row !== undefined) {
      this.#deletePieces.run(row.id);
      this.#deleteStream.run(row.id);
    }
    return { kind: "done" };
  }

  #insertPending(stream: Stream): void {
    if (stream.pendingBytes === 0) return;
    this.#insertPiece.run(stream.id, stream.length - stream.pendingBytes, joined(stream.pending, stream.pendingBytes));
    stream.pending = [];
    stream.pendingBytes = 0;
  }

  #save(stream: Stream): void {
    this.#insertPending(stream);
    const { length, status, missing, sha256, archive, id } = stream;
    this.#update.run(length, status, missing, sha256, archive, id);
    this.#changed.delete(stream);
  }

  #forgetOldest(): void {
    for (const name of this.#known.keys()) {
      if (this.#known.size <= maxKnownStreams) return;
      this.#known.delete(name);
    }
  }
}

/** Pieces as one. Those that stand behind each other in memory are not copied. */
function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = pieces;
  const areNeighbours = pieces.every(({ buffer, byteOffset }, index) => {
    const before = pieces[index - 1];
    return before === undefined || (buffer === before.buffer && byteOffset === before.byteOffset + before.length);
  });
  if (first === undefined || !areNeighbours) return Buffer.concat(pieces, length);
  return new Uint8Array(first.buffer, first.byteOffset, length);
}

const emptyStream = { length: 0, status: "open", missing: null, sha256: null, archive: null } as const;
const empty = { ...emptyStream, pendingBytes: 0, timeMs: undefined } as const;
