import type pg from "pg";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import {
  type BlobLimits,
  type BlobStore,
  type BlobUsage,
  blobPieceBytes,
  type ListedBlob,
  type StoredBlob,
} from "../ports/blobs.ts";
import { BlobIntake, checkedKey, missingBlob } from "./intake.ts";

/** Uploads that a crash cut off are forgotten after this long: no upload that lives takes a day. */
const abandonedAfter = "1 day";

interface BlobStoreParts {
  readonly pool: pg.Pool;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Opens the object store of a migrated PostgreSQL database. The pool is closed with it. An upload's pieces are stored as
 * they come, under the upload's own id, and belong to the object once all are there.
 */
export async function openPostgresBlobStore(parts: BlobStoreParts): Promise<BlobStore> {
  const store = new PostgresBlobStore(parts);
  await store.forgetAbandoned();
  return store;
}

class PostgresBlobStore implements BlobStore {
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ pool, clock, random }: BlobStoreParts) {
    this.#pool = pool;
    this.#clock = clock;
    this.#random = random;
  }

  async put(bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob> {
    const upload = `${this.#clock.now().toISOString()}/${this.#random.uuid()}`;
    await this.#query("INSERT INTO blob_uploads (upload, started_at) VALUES ($1, now())", [upload]);
    try {
      const blob = await this.#take(upload, bytes, limits);
      await this.#place(blob, upload);
      return blob;
    } catch (error) {
      await this.#forget(upload).catch(() => undefined); // if this fails too, the next start does it
      throw error;
    }
  }

  async *get(key: string, from = 0, to = Number.POSITIVE_INFINITY): AsyncIterable<Uint8Array> {
    let blob = await this.#find(checkedKey(key));
    const first = Math.floor(from / blobPieceBytes);
    let skip = from % blobPieceBytes;
    let left = Math.min(Number(blob.bytes), to) - first * blobPieceBytes;
    for (let position = first; left > skip; position += 1) {
      let piece = await this.#piece(blob.upload, position);
      if (piece === undefined) {
        // The same content was put again meanwhile: the same pieces stand under another upload.
        blob = await this.#find(key);
        piece = await this.#piece(blob.upload, position);
      }
      if (piece === undefined) throw missingBlob(key);
      yield piece.subarray(skip, left);
      left -= piece.length;
      skip = 0;
    }
  }

  async *list(): AsyncIterable<ListedBlob> {
    for (let after = ""; ; ) {
      const rows = await this.#query<{ key: string; upload: string; bytes: string }>(
        "SELECT key, upload, bytes FROM blobs WHERE key > $1 ORDER BY key LIMIT $2",
        [after, listedAtOnce],
      );
      for (const { key, upload, bytes } of rows) yield { key, bytes: Number(bytes), storedAt: storedAt(upload) };
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.key;
    }
  }

  async usage(): Promise<BlobUsage> {
    const [row] = await this.#query<{ count: string; bytes: string }>(
      "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM blobs",
      [],
    );
    return { count: Number(row?.count ?? 0), bytes: Number(row?.bytes ?? 0) };
  }

  async deleteOlder(keys: readonly string[], before: Date): Promise<readonly string[]> {
    const gone: string[] = [];
    for (const key of keys) if (await this.#deleteIfOlder(key, before)) gone.push(key);
    return gone;
  }

  async claim(): Promise<boolean> {
    return true;
  }

  async #deleteIfOlder(key: string, before: Date): Promise<boolean> {
    const [blob] = await this.#query<Row>("SELECT upload, bytes FROM blobs WHERE key = $1", [checkedKey(key)]);
    if (blob === undefined || storedAt(blob.upload) >= before) return false;
    const gone = await this.#query(
      `WITH gone AS (DELETE FROM blobs WHERE key = $1 AND upload = $2 RETURNING upload),
       pieces AS (DELETE FROM blob_pieces USING gone WHERE blob_pieces.upload = gone.upload)
       SELECT upload FROM gone`,
      [key, blob.upload],
    );
    return gone.length > 0;
  }

  async has(key: string): Promise<boolean> {
    return (await this.#query("SELECT 1 FROM blobs WHERE key = $1", [checkedKey(key)])).length > 0;
  }

  async delete(key: string): Promise<void> {
    await this.#query(
      `WITH gone AS (DELETE FROM blobs WHERE key = $1 RETURNING upload)
       DELETE FROM blob_pieces USING gone WHERE blob_pieces.upload = gone.upload`,
      [checkedKey(key)],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async forgetAbandoned(): Promise<void> {
    await this.#query(
      `WITH abandoned AS (DELETE FROM blob_uploads WHERE started_at < now() - $1::interval RETURNING upload)
       DELETE FROM blob_pieces USING abandoned WHERE blob_pieces.upload = abandoned.upload`,
      [abandonedAfter],
    );
  }

  /** The object belongs to the newest upload of its content: that says when it was last put. */
  async #place({ key, bytes }: StoredBlob, upload: string): Promise<void> {
    for (;;) {
      const [old] = await this.#query<Row>("SELECT upload, bytes FROM blobs WHERE key = $1", [key]);
      const placed = await this.#query(old === undefined ? placeNew : placeAgain, [
        key,
        upload,
        bytes,
        old?.upload ?? "",
      ]);
      if (placed.length > 0) return;
    }
  }

  async #find(key: string): Promise<Row> {
    const [blob] = await this.#query<Row>("SELECT upload, bytes FROM blobs WHERE key = $1", [key]);
    if (blob === undefined) throw missingBlob(key);
    return blob;
  }

  async #piece(upload: string, position: number): Promise<Buffer | undefined> {
    const [piece] = await this.#query<{ bytes: Buffer }>(
      "SELECT bytes FROM blob_pieces WHERE upload = $1 AND position = $2",
      [upload, position],
    );
    return piece?.bytes;
  }

  async #take(upload: string, bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob> {
    const intake = new BlobIntake(limits);
    let position = 0;
    for await (const piece of pieces(bytes, (taken) => intake.take(taken))) {
      await this.#query("INSERT INTO blob_pieces (upload, position, bytes) VALUES ($1, $2, $3)", [
        upload,
        position,
        piece,
      ]);
      position += 1;
    }
    return intake.finish();
  }

  async #forget(upload: string): Promise<void> {
    await this.#query(
      "WITH gone AS (DELETE FROM blob_uploads WHERE upload = $1) DELETE FROM blob_pieces WHERE upload = $1",
      [upload],
    );
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (cause) {
      throw new WindlassError("storage_unavailable", "the database did not store or give an object", {
        cause,
        retryAfterMs: 1_000,
      });
    }
  }
}

interface Row {
  readonly upload: string;
  readonly bytes: string;
}

const listedAtOnce = 1_000;

const placeNew = `
  WITH placed AS (INSERT INTO blobs (key, upload, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key),
  done AS (DELETE FROM blob_uploads WHERE upload = $2 AND EXISTS (SELECT 1 FROM placed))
  SELECT key FROM placed WHERE $4::text = ''`;
const placeAgain = `
  WITH placed AS (UPDATE blobs SET upload = $2, bytes = $3 WHERE key = $1 AND upload = $4 RETURNING key),
  done AS (DELETE FROM blob_uploads WHERE upload = $2 AND EXISTS (SELECT 1 FROM placed)),
  old AS (DELETE FROM blob_pieces WHERE upload = $4 AND EXISTS (SELECT 1 FROM placed))
  SELECT key FROM placed`;

/** The instant in an upload's id. */
function storedAt(upload: string): Date {
  const at = new Date(upload.slice(0, upload.indexOf("/")));
  return Number.isNaN(at.getTime()) ? new Date(0) : at;
}

/** The same bytes in pieces of `blobPieceBytes` (the last may be shorter); each given piece is taken in before it is cut. */
async function* pieces(bytes: AsyncIterable<Uint8Array>, take: (piece: Uint8Array) => void): AsyncIterable<Buffer> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (const given of bytes) {
    take(given);
    gathered.push(given);
    size += given.length;
    if (size < blobPieceBytes) continue;
    const all = Buffer.concat(gathered, size);
    let from = 0;
    for (; size - from >= blobPieceBytes; from += blobPieceBytes) yield all.subarray(from, from + blobPieceBytes);
    gathered = [all.subarray(from)];
    size -= from;
  }
  if (size > 0) yield Buffer.concat(gathered, size);
}
