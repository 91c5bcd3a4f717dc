import { createHash } from "node:crypto";
import type pg from "pg";
import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { postgresDialect } from "../engine/dialect.ts";
import type { Space } from "../engine/engine.ts";
import { logTables, sizeOfTables } from "../engine/postgres-space.ts";
import {
  type AppendResult,
  type ListedStream,
  type LogMove,
  type LogRead,
  type LogStore,
  type LogStreamId,
  type LogTimes,
  maxReadBytes,
  type SealResult,
} from "../ports/logs.ts";
import { type Append, grown, growthOf, type KnownStream, type StreamGrowth } from "./appends.ts";
import { endOf } from "./file-reader.ts";
import {
  appendStatement,
  archiveStatement,
  learnStatement,
  listStatement,
  readStatement,
  timesStatement,
} from "./postgres-statements.ts";
import { refuseBadAppend } from "./sqlite.ts";
import { boundedTimes } from "./times.ts";

interface Waiting extends Append {
  resolve(result: AppendResult): void;
  reject(error: WindlassError): void;
}

interface StreamRow {
  readonly length: string;
  readonly status: "open" | "sealed" | "gap";
  readonly missing: string | null;
  readonly sha256: string | null;
}

interface ReadRow extends StreamRow {
  readonly archive: string | null;
  readonly start: string | null;
  readonly bytes: Buffer | null;
}

const maxBatchSize = 500;
/** What comes behind so many bytes waits for the next statement: one that is longer is answered later. */
const maxBatchBytes = 8 * 1024 * 1024;
const maxPieceBytes = 256 * 1024;
const maxKnownStreams = 4096;

/** Opens the log store of a migrated PostgreSQL database. The pool is closed with it. */
export const openPostgresLogStore = (pool: pg.Pool, clock: Clock): LogStore => new PostgresLogStore(pool, clock);

/** Appends that come while a batch is under way become the next one, which is one statement. */
class PostgresLogStore implements LogStore {
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  readonly #known = new Map<LogStreamId, KnownStream>();
  readonly #lastAppend = new Map<LogStreamId, Promise<unknown>>();
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;

  constructor(pool: pg.Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  async append(stream: LogStreamId, offset: number, bytes: Uint8Array): Promise<AppendResult> {
    refuseBadAppend(offset, bytes);
    const { promise, resolve, reject } = Promise.withResolvers<AppendResult>();
    this.#waiting.push({ stream, offset, bytes, atMs: this.#clock.now().getTime(), resolve, reject });
    this.#draining ??= this.#drain();
    this.#lastAppend.set(stream, promise);
    try {
      return await promise;
    } finally {
      if (this.#lastAppend.get(stream) === promise) this.#lastAppend.delete(stream);
    }
  }

  async nextOffset(stream: LogStreamId): Promise<number> {
    return Number((await this.#row(stream))?.length ?? 0);
  }

  async seal(stream: LogStreamId, length: number, sha256: string): Promise<SealResult> {
    await this.#quiet(stream);
    await this.#create([stream]);
    for (;;) {
      const row = await this.#row(stream);
      const nextOffset = Number(row?.length ?? 0);
      if (length > nextOffset) return { kind: "incomplete", nextOffset };
      const stored = length < nextOffset ? "" : (row?.sha256 ?? (await this.#digest(stream, length)));
      if (stored !== sha256) return { kind: "mismatch", nextOffset };
      this.#known.delete(stream);
      const sealed = await this.#query(
        "UPDATE log_streams SET status = 'sealed', missing = NULL, sha256 = $3 WHERE name = $1 AND length = $2 RETURNING name",
        [stream, length, sha256],
      );
      if (sealed.length > 0) return { kind: "sealed" };
    }
  }

  async sealWithGap(stream: LogStreamId, missingBytes: number | undefined): Promise<void> {
    await this.#quiet(stream);
    await this.#create([stream]);
    await this.#query("UPDATE log_streams SET status = 'gap', missing = $2 WHERE name = $1 AND status <> 'sealed'", [
      stream,
      missingBytes ?? null,
    ]);
  }

  async reopen(stream: LogStreamId): Promise<void> {
    await this.#quiet(stream);
    await this.#query("UPDATE log_streams SET status = 'open', missing = NULL WHERE name = $1 AND status <> 'sealed'", [
      stream,
    ]);
  }

  async read(stream: LogStreamId, offset: number, maxBytes: number): Promise<LogRead> {
    const wanted = Math.min(maxBytes, maxReadBytes);
    const rows = await this.#query<ReadRow>(readStatement, [stream, offset, wanted]);
    const [row] = rows;
    if (row === undefined) return { bytes: new Uint8Array(), nextOffset: offset, end: { kind: "open" }, length: 0 };
    const length = Number(row.length);
    const end = endOf({ status: row.status, missing: row.missing === null ? null : Number(row.missing) });
    if (row.archive !== null) return { bytes: new Uint8Array(), nextOffset: offset, end, length, archive: row.archive };
    const bytes = new Uint8Array(Math.min(wanted, Math.max(0, length - offset)));
    for (const piece of rows) {
      if (piece.bytes === null) continue;
      const from = Math.max(0, offset - Number(piece.start));
      const into = Number(piece.start) + from - offset;
      bytes.set(piece.bytes.subarray(from, from + bytes.length - into), into);
    }
    return { bytes, nextOffset: offset + bytes.length, end, length };
  }

  async times(stream: LogStreamId, from: number, to: number): Promise<LogTimes> {
    const rows = await this.#query<{ start: string; ms: string }>(timesStatement, [stream, from, to]);
    const found = rows.map(({ start, ms }) => ({ start: Number(start), atMs: Number(ms) }));
    return boundedTimes(found, to);
  }

  async list(after: LogStreamId | null, limit: number): Promise<readonly ListedStream[]> {
    const rows = await this.#query<Omit<ListedStream, "length"> & { readonly length: string }>(listStatement, [
      after ?? "",
      limit,
    ]);
    return rows.map((row) => ({ ...row, length: Number(row.length) }));
  }

  async archive(stream: LogStreamId, { key, was, sha256 }: LogMove): Promise<boolean> {
    await this.#quiet(stream);
    this.#known.delete(stream);
    const moved = await this.#query(archiveStatement, [stream, key, was, sha256]);
    return moved.length > 0;
  }

  async empty(stream: LogStreamId): Promise<void> {
    await this.#quiet(stream);
    this.#known.delete(stream);
    await this.#query(
      `WITH pieces AS (DELETE FROM log_pieces WHERE stream = $1), times AS (DELETE FROM log_times WHERE stream = $1)
       UPDATE log_streams SET status = 'gap', missing = length, length = 0, sha256 = NULL, archive = NULL WHERE name = $1`,
      [stream],
    );
  }

  async space(): Promise<Space> {
    return { bytes: await sizeOfTables(this.#pool, logTables), freeBytes: null };
  }

  async giveBack(): Promise<boolean> {
    return false;
  }

  async delete(stream: LogStreamId): Promise<void> {
    await this.#quiet(stream);
    this.#known.delete(stream);
    await this.#query(
      "WITH pieces AS (DELETE FROM log_pieces WHERE stream = $1) DELETE FROM log_streams WHERE name = $1",
      [stream],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#draining;
    await this.#pool.end();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchSizeOf(this.#waiting));
      try {
        await this.#store(batch);
      } catch (error) {
        for (const { stream, reject } of batch) {
          this.#known.delete(stream); // whether the statement took effect is not known: the next append looks
          reject(unavailable(error));
        }
      }
    }
    this.#draining = undefined;
  }

  async #store(batch: readonly Waiting[]): Promise<void> {
    const byStream = Map.groupBy(batch, ({ stream }) => stream);
    // What is known may be forgotten by others while the statement is under way: they close the stream, or look at it anew.
    const known = await this.#learn([...byStream.keys()]);
    for (const [stream, appends] of byStream)
      if (!known.has(stream)) for (const { reject } of appends) reject(deletedMeanwhile());
    const growths = [...known].map(([stream, was]) => growthOf(stream, was, byStream.get(stream) ?? []));
    const stored = await this.#grow(growths.filter(({ pieces }) => pieces.length > 0));
    const retried: Waiting[] = [];
    for (const growth of growths) {
      const { stream } = growth;
      const [was, appends] = [known.get(stream), byStream.get(stream) ?? []];
      if (was === undefined || (growth.pieces.length > 0 && !stored.has(stream))) {
        this.#known.delete(stream); // another replica moved it meanwhile
        retried.push(...appends);
        continue;
      }
      const next = grown(was, growth);
      if (next.isOpen) this.#known.set(stream, next);
      else this.#known.delete(stream); // it may be reopened by another replica
      growth.results.forEach((result, index) => void appends[index]?.resolve(result));
    }
    this.#waiting = [...retried, ...this.#waiting];
    this.#forgetOldest();
  }

  async #grow(growths: readonly StreamGrowth[]): Promise<ReadonlySet<string>> {
    if (growths.length === 0) return new Set();
    const { rows, bytes } = rowsOf(growths);
    const times = growths.flatMap((growth) => growth.times.map((time) => ({ ...time, stream: growth.stream })));
    const moved = await this.#query<{ name: string }>(appendStatement, [
      growths.map(({ stream }) => stream),
      growths.map(({ was }) => was),
      growths.map(({ becomes }) => becomes),
      rows.map(({ stream }) => stream),
      rows.map(({ start }) => start),
      rows.map(({ length }) => length),
      // One parameter travels as it is; a list of them would travel as text, twice as long.
      bytes,
      times.map(({ stream }) => stream),
      times.map(({ start }) => start),
      times.map(({ atMs }) => atMs),
    ]);
    return new Set(moved.map(({ name }) => name));
  }

  /** What is known of each stream, which has a row from now on; one that was deleted meanwhile is left out. */
  async #learn(streams: readonly LogStreamId[]): Promise<ReadonlyMap<LogStreamId, KnownStream>> {
    const known = new Map(
      streams.flatMap((stream) => {
        const found = this.#known.get(stream);
        return found === undefined ? [] : [[stream, found] as const];
      }),
    );
    const unknown = streams.filter((stream) => !known.has(stream));
    if (unknown.length === 0) return known;
    await this.#create(unknown);
    const rows = await this.#query<{ name: string; length: string; status: string; ms: string | null }>(
      learnStatement,
      [unknown],
    );
    for (const { name, length, status, ms } of rows) {
      const timeMs = ms === null ? undefined : Number(ms);
      known.set(name, { length: Number(length), isOpen: status === "open", hash: undefined, timeMs });
    }
    return known;
  }

  async #create(streams: readonly LogStreamId[]): Promise<void> {
    await this.#query(
      "INSERT INTO log_streams (name, length, status) SELECT unnest($1::text[]), 0, 'open' ON CONFLICT DO NOTHING",
      [streams],
    );
  }

  async #row(stream: LogStreamId): Promise<StreamRow | undefined> {
    const [row] = await this.#query<StreamRow>(
      "SELECT length, status, missing, sha256 FROM log_streams WHERE name = $1",
      [stream],
    );
    return row;
  }

  async #digest(stream: LogStreamId, length: number): Promise<string> {
    const known = this.#known.get(stream);
    if (known?.length === length && known.hash !== undefined) return known.hash.copy().digest("hex");
    const hash = createHash("sha256");
    for (let offset = 0; offset < length; ) {
      const { bytes, nextOffset } = await this.read(stream, offset, Math.min(maxReadBytes, length - offset));
      if (bytes.length === 0) break;
      hash.update(bytes);
      offset = nextOffset;
    }
    return hash.digest("hex");
  }

  /** Waits for the appends to a stream that were asked for before, and forgets what is known of it. */
  async #quiet(stream: LogStreamId): Promise<void> {
    await this.#lastAppend.get(stream)?.catch(() => undefined);
    const known = this.#known.get(stream);
    if (known?.hash === undefined) this.#known.delete(stream);
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      if (postgresDialect.failure(error) === "conflict") return this.#query(text, values);
      throw unavailable(error);
    }
  }

  #forgetOldest(): void {
    for (const stream of this.#known.keys()) {
      if (this.#known.size <= maxKnownStreams) return;
      this.#known.delete(stream);
    }
  }
}

function batchSizeOf(waiting: readonly Append[]): number {
  let bytes = 0;
  const end = waiting.findIndex((append, index) => {
    bytes += append.bytes.length;
    return index === maxBatchSize || (index > 0 && bytes > maxBatchBytes);
  });
  return end === -1 ? waiting.length : end;
}

/** A row of bytes of a stream. */
interface PieceRow {
  readonly stream: LogStreamId;
  readonly start: number;
  readonly length: number;
}

/** The rows that streams grow by, and their bytes in the rows' order: neighbours share a row. */
function rowsOf(growths: readonly StreamGrowth[]): { readonly rows: readonly PieceRow[]; readonly bytes: Buffer } {
  const rows: PieceRow[] = [];
  for (const { stream, was, pieces } of growths) {
    let row: PieceRow = { stream, start: was, length: 0 };
    for (const { length } of pieces) {
      if (row.length + length > maxPieceBytes) {
        rows.push(row);
        row = { stream, start: row.start + row.length, length: 0 };
      }
      row = { ...row, length: row.length + length };
    }
    rows.push(row);
  }
  return { rows, bytes: Buffer.concat(growths.flatMap(({ pieces }) => pieces)) };
}

const deletedMeanwhile = () => new WindlassError("storage_unavailable", "a log was deleted while it was written");

const unavailable = (cause: unknown) =>
  cause instanceof WindlassError
    ? cause
    : new WindlassError("storage_unavailable", "the database did not store or give a log", {
        cause,
        retryAfterMs: 1_000,
      });
