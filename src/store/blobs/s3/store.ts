import { setImmediate as nextTurn } from "node:timers/promises";
import { allSettled } from "../../../lib/async/all-settled.ts";
import { KeyedLocks } from "../../../lib/async/keyed-locks.ts";
import { Places } from "../../../lib/async/places.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { S3Place } from "../../../lib/net/s3-url.ts";
import type { Random } from "../../../lib/random.ts";
import { WindlassError } from "../../../lib/words/errors.ts";
import type { BlobLimits, BlobStore, BlobUsage, ListedBlob, StoredBlob } from "../../ports/blobs.ts";
import { checkedKey } from "../intake.ts";
import { type Bucket, openBucket } from "./bucket.ts";
import { Collections } from "./collections.ts";
import { download } from "./download.ts";
import { headOf, listed, removed, removedAll } from "./requests.ts";
import { type SpooledBlob, UploadSpool } from "./spool.ts";
import { abortUploads, send, type Uploading } from "./upload.ts";

export interface S3BlobStoreParts {
  readonly place: S3Place;
  /** Where uploads wait that do not fit into memory. */
  readonly spoolDirectory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly cutOff?: AbortSignal | undefined;
}

/** Parts in memory and on their way at once. */
const maxParts = 4;
const maxWaiting = 1_000;
/** What was put since need not be put again: collections leave it alone for longer than that. */
const freshMs = 15 * 60_000;
/** An upload of that age has been given up: none takes half of it. */
const abandonedMs = 24 * 3_600_000;
/** Puts that are remembered. */
const maxRemembered = 10_000;
/** Names that are looked at together before they are deleted together. */
const removedAtOnce = 250;

/**
 * Opens a store of objects in S3: `prefix/objects/<sha256>`. Nothing is asked of it yet. One process at a time may delete
 * there, which `claim` sees to.
 */
export const openS3BlobStore = (parts: S3BlobStoreParts): BlobStore => new S3BlobStore(parts, openBucket(parts.place));

class S3BlobStore implements BlobStore {
  readonly #bucket: Bucket;
  readonly #uploading: Uploading;
  readonly #spoolDirectory: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #objects: string;
  readonly #marker: string;
  readonly #collections: Collections;
  /**
   * Whoever puts an object is apart from whoever deletes it: the store cannot compare when it deletes. Other processes are
   * kept apart by `Collections`.
   */
  readonly #locks = new KeyedLocks(maxWaiting);
  /** When this process put what: the store may know it to the second only, and what is fresh is not put again. */
  readonly #putAt = new Map<string, Date>();
  #owner: string | undefined;
  #knowsConditions = true;

  constructor({ spoolDirectory, clock, random, cutOff }: S3BlobStoreParts, bucket: Bucket) {
    this.#bucket = bucket;
    this.#uploading = { bucket, clock, cutOff, places: new Places(maxParts) };
    this.#spoolDirectory = spoolDirectory;
    this.#clock = clock;
    this.#random = random;
    this.#objects = `${bucket.prefix}objects/`;
    this.#marker = `${bucket.prefix}owner`;
    this.#collections = new Collections(this.#uploading, `${bucket.prefix}collections/`, random);
  }

  async put(bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob> {
    await using spool = new UploadSpool(this.#spoolDirectory, limits, this.#random);
    const blob = await spool.fill(bytes);
    using _lock = await this.#alone([blob.key]);
    await this.#place(blob, spool);
    this.#remember(blob.key);
    return { key: blob.key, sha256: blob.sha256, bytes: blob.bytes };
  }

  get(key: string, from = 0, to?: number): AsyncIterable<Uint8Array> {
    return this.#get(key, from, to);
  }

  async *#get(key: string, from: number, to: number | undefined): AsyncGenerator<Uint8Array> {
    const name = this.#nameOf(key);
    if (to === undefined || to > from) yield* download(this.#uploading, { key, name, from, to });
  }

  async has(key: string): Promise<boolean> {
    return (await headOf(this.#uploading, this.#nameOf(key))) !== undefined;
  }

  async *list({ isTidying } = { isTidying: false }): AsyncIterable<ListedBlob> {
    if (isTidying) await this.#abortAbandoned();
    for (let page: string | undefined; ; ) {
      const { objects, next } = await listed(this.#uploading, this.#objects, page);
      for (const { name, bytes, storedAt } of objects) {
        const key = name.slice(this.#objects.length);
        if (/^[0-9a-f]{64}$/.test(key)) yield { key, bytes, storedAt };
      }
      if (next === undefined) return;
      page = next;
      await nextTurn();
    }
  }

  async usage(): Promise<BlobUsage> {
    let [count, bytes] = [0, 0];
    for await (const blob of this.list()) {
      count += 1;
      bytes += blob.bytes;
    }
    return { count, bytes };
  }

  async deleteOlder(keys: readonly string[], before: Date): Promise<readonly string[]> {
    const gone: string[] = [];
    for (let at = 0; at < keys.length; at += removedAtOnce) {
      await this.#demandOwner();
      const some = keys.slice(at, at + removedAtOnce).map(checkedKey);
      using _locks = await this.#alone(some);
      gone.push(...(await this.#collections.announced((signal) => this.#deleteSome(some, before, signal))));
    }
    return gone;
  }

  async #deleteSome(keys: readonly string[], before: Date, signal: AbortSignal): Promise<readonly string[]> {
    const found = await allSettled(keys.map((key) => headOf(this.#uploading, this.#nameOf(key))));
    const old = keys.filter((key, index) => {
      const storedAt = found[index]?.storedAt;
      return storedAt !== undefined && storedAt < before && (this.#putAt.get(key) ?? storedAt) < before;
    });
    const names = old.map((key) => this.#nameOf(key));
    await removedAll(this.#uploading, names, signal);
    return old;
  }

  async delete(key: string): Promise<void> {
    const name = this.#nameOf(key);
    using _lock = await this.#alone([key]);
    await removed(this.#uploading, name);
  }

  async claim(owner: string, { isTaking } = { isTaking: false }): Promise<boolean> {
    let present = await this.#presentOwner();
    if (present === undefined || (isTaking && present !== owner)) {
      await using spool = new UploadSpool(this.#spoolDirectory, { maxBytes: owner.length }, this.#random);
      const blob = await spool.fill(once(Buffer.from(owner)));
      await this.#send(blob, spool, { name: this.#marker, isNew: present === undefined });
      present = await this.#presentOwner();
    }
    this.#owner = owner;
    return present === owner;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bucket[Symbol.dispose]();
  }

  #nameOf(key: string): string {
    return this.#objects + checkedKey(key);
  }

  #alone(keys: readonly string[]): Promise<Disposable> {
    return this.#locks.take(new Map(keys.map((key) => [key, "alone"])));
  }

  #remember(key: string): void {
    this.#putAt.delete(key);
    this.#putAt.set(key, this.#clock.now());
    const [oldest] = this.#putAt.keys();
    if (this.#putAt.size > maxRemembered && oldest !== undefined) this.#putAt.delete(oldest);
  }

  /** One that is there may be cut off: only its size tells that it is not. */
  async #place(blob: SpooledBlob, spool: UploadSpool): Promise<void> {
    const name = this.#nameOf(blob.key);
    const found = await headOf(this.#uploading, name);
    const freshFrom = this.#clock.now().getTime() - freshMs;
    if (found?.bytes === blob.bytes && found.storedAt.getTime() >= freshFrom) return;
    await this.#send(blob, spool, { name, isNew: found === undefined });
    // One that was begun before may have seen the object as it was.
    while (await this.#collections.waitedForSome()) {
      if ((await headOf(this.#uploading, name)) !== undefined) return;
      await this.#send(blob, spool, { name, isNew: false });
    }
  }

  async #send(
    blob: SpooledBlob,
    spool: UploadSpool,
    { name, isNew }: { readonly name: string; readonly isNew: boolean },
  ): Promise<void> {
    const sending = { name, blob, spool };
    const outcome = await send(this.#uploading, { ...sending, isNew: isNew && this.#knowsConditions });
    if (outcome === "stored") return;
    if (outcome === "unconditional") this.#knowsConditions = false;
    // Most often it was stored by an attempt whose answer was lost.
    else if (name === this.#marker || (await headOf(this.#uploading, name))?.bytes === blob.bytes) return;
    await send(this.#uploading, { ...sending, isNew: false });
  }

  async #presentOwner(): Promise<string | undefined> {
    const wanted = { key: "", name: this.#marker, from: 0, to: maxOwnerBytes };
    try {
      return Buffer.concat(await Array.fromAsync(download(this.#uploading, wanted))).toString("utf8") || undefined;
    } catch (error) {
      if (error instanceof WindlassError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  /** Another server may have taken the place since: what it needs must not be deleted. */
  async #demandOwner(): Promise<void> {
    if (this.#owner !== undefined && (await this.#presentOwner()) === this.#owner) return;
    throw new WindlassError(
      "storage_unavailable",
      `the objects in ${this.#bucket.shown} are another windlassd's now: nothing is deleted there`,
    );
  }

  async #abortAbandoned(): Promise<void> {
    const before = new Date(this.#clock.now().getTime() - abandonedMs);
    // Not every store knows such lists, and not every key may see them: a rule of the bucket does it as well.
    await abortUploads(this.#uploading, this.#objects, before).catch(() => undefined);
  }
}

const maxOwnerBytes = 256;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
