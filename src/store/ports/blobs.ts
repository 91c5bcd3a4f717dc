/** An immutable object, named by its content. */
export interface StoredBlob {
  /** The SHA-256 of the content in hex: the same content put twice has the same key. */
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface BlobLimits {
  readonly maxBytes: number;
}

/** An object as a listing tells it. */
export interface ListedBlob {
  readonly key: string;
  readonly bytes: number;
  /** When it was put, the last time if it was put again. */
  readonly storedAt: Date;
}

/** What all objects are together. */
export interface BlobUsage {
  readonly count: number;
  readonly bytes: number;
}

/** Immutable objects: configurations, plans, states. What `put` resolved with is durable. */
export interface BlobStore extends AsyncDisposable {
  /**
   * Stores what the pieces add up to. Throws `upload_too_large` past the limit; then, or if `bytes` throws, nothing is
   * kept.
   */
  put(bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob>;
  /**
   * The content from a byte on, up to another one or its end, in pieces of at most 1 MiB; behind its end there is nothing.
   * What comes before or behind is not read. Throws `not_found` at the first step if there is no such object.
   */
  get(key: string, from?: number, to?: number): AsyncIterable<Uint8Array>;
  has(key: string): Promise<boolean>;
  /**
   * Every object, in no particular order; one that is put or deleted meanwhile may be there or not. Removes on its way, if
   * told to, the empty directories that deleted objects have left.
   */
  list(options?: { readonly isTidying: boolean }): AsyncIterable<ListedBlob>;
  /** How many objects there are, and what they take together. Reads every name. */
  usage(): Promise<BlobUsage>;
  /**
   * Forgets those of the objects that were last put before `before`; answers their keys. If somebody puts the same content
   * again at this moment, the object stays.
   */
  deleteOlder(keys: readonly string[], before: Date): Promise<readonly string[]>;
  /**
   * Forgets the object, if there is one. The caller knows that nothing refers to it, and that nobody puts it again
   * meanwhile.
   */
  delete(key: string): Promise<void>;
  /**
   * Whether the place is this owner's: it becomes so if it is nobody's, or with `isTaking` in any case. Where several
   * installations can reach a place, `deleteOlder` works for its owner alone. Other places are of whoever opens them.
   */
  claim(owner: string, options?: { readonly isTaking: boolean }): Promise<boolean>;
}

/** How large the pieces are that `get` gives. */
export const blobPieceBytes = 256 * 1024;
