import Database from "better-sqlite3";
import { spaceOf } from "../engine/sqlite-space.ts";
import { quickStatements } from "../engine/sqlite-statements.ts";
import { type ListedStream, type LogEnd, type LogRead, maxReadTimes } from "../ports/logs.ts";
import type { ListedStreams, LogListing, LogQuery, LogTimesQuery, ToldSpace, ToldTimes } from "./operations.ts";
import { boundedTimes, type StoredTime } from "./times.ts";

interface Row {
  readonly id: number;
  readonly length: number;
  readonly status: LogEnd["kind"];
  readonly missing: number | null;
  readonly archive: string | null;
}

/** A reader beside the writer of a file of log streams. Synchronous: it lives in a thread of its own. */
export class LogFileReader {
  readonly #db: Database.Database;
  readonly #onFile: (statement: string) => void;
  readonly #find;
  readonly #pieces;
  readonly #times;
  readonly #list;

  constructor(path: string) {
    this.#db = new Database(path, { readonly: true });
    this.#db.pragma("busy_timeout = 5000");
    this.#onFile = quickStatements(this.#db);
    this.#find = this.#db.prepare<[string], Row>(
      "SELECT id, length, status, missing, archive FROM streams WHERE name = ?",
    );
    // Subqueries: SQLite would plan it anew for each value that is bound, for longer than it takes to run.
    this.#pieces = this.#db.prepare<[number, number, number], { start: number; bytes: Uint8Array }>(
      `SELECT start, bytes FROM pieces WHERE stream = (SELECT ?)
         AND start >= coalesce((SELECT max(start) FROM pieces WHERE stream = (SELECT ?) AND start <= (SELECT ?)), 0) ORDER BY start`,
    );
    this.#times = this.#db.prepare<[string, number, number], StoredTime>(
      `SELECT times.start, times.at_ms AS atMs FROM streams JOIN times ON times.stream = streams.id
       WHERE name = ? AND times.start < ? AND times.start >= coalesce(
         (SELECT max(start) FROM times WHERE stream = streams.id AND start <= ?), 0)
       ORDER BY times.start LIMIT ${maxReadTimes + 1}`,
    );
    this.#list = this.#db.prepare<[string, number], ListedStream>(
      `SELECT name, length, status AS "end", sha256, archive FROM streams WHERE name > ? ORDER BY name LIMIT ?`,
    );
  }

  list({ after, limit }: LogListing): ListedStreams {
    return { kind: "listed", streams: this.#list.all(after ?? "", limit) };
  }

  times({ stream, from, to }: LogTimesQuery): ToldTimes {
    return { kind: "told_times", told: boundedTimes(this.#times.all(stream, to, from), to) };
  }

  space(): ToldSpace {
    return { kind: "told_space", space: spaceOf(this.#db) };
  }

  /** All that is read in it is seen as it was at one moment. */
  snapshot<T>(work: () => T): T {
    this.#onFile("BEGIN");
    try {
      return work();
    } finally {
      this.#onFile("COMMIT");
    }
  }

  /** Within a `snapshot`: a stream's length and its bytes belong together. */
  read({ stream, offset, maxBytes, memory }: LogQuery): LogRead {
    const row = this.#find.get(stream);
    const none = new Uint8Array(memory ?? new ArrayBuffer(0), 0, 0);
    if (row === undefined) return { bytes: none, nextOffset: offset, end: { kind: "open" }, length: 0 };
    const { archive, length } = row;
    if (archive !== null) return { bytes: none, nextOffset: offset, end: endOf(row), length, archive };
    const count = Math.min(maxBytes, Math.max(0, length - offset));
    const bytes = new Uint8Array(memory ?? new ArrayBuffer(count), 0, count);
    this.#fill(bytes, row, offset);
    return { bytes, nextOffset: offset + count, end: endOf(row), length };
  }

  close(): void {
    this.#db.close();
  }

  /** Fills all of it: what the memory held before is of another log. */
  #fill(bytes: Uint8Array, row: Row, offset: number): void {
    if (bytes.length === 0) return;
    let filled = 0;
    for (const piece of this.#pieces.iterate(row.id, row.id, offset)) {
      const from = Math.max(0, offset - piece.start);
      const into = piece.start + from - offset;
      const part = piece.bytes.subarray(from, from + bytes.length - into);
      bytes.fill(0, filled, into);
      bytes.set(part, into);
      filled = into + part.length;
      if (filled === bytes.length) break;
    }
    bytes.fill(0, filled);
  }
}

/** A stream's end as the port says it. */
export function endOf(row: { readonly status: LogEnd["kind"]; readonly missing: number | null }): LogEnd {
  return row.status === "gap" ? { kind: "gap", missingBytes: row.missing ?? undefined } : { kind: row.status };
}
