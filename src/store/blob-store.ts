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

/** Immutable objects: configurations, plans, states. What `put` resolved with is durable. */
export interface BlobStore extends AsyncDisposable {
  /** Stores what the pieces add up to. Throws `upload_too_large` past the limit; then, or if `bytes` throws, nothing is kept. */
  put(bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob>;
  /** The content in pieces of at most 1 MiB. Throws `not_found` at the first step if there is no such object. */
  get(key: string): AsyncIterable<Uint8Array>;
  has(key: string): Promise<boolean>;
  /** Forgets the object, if there is one. The caller knows that nothing refers to it, and that nobody puts it again meanwhile. */
  delete(key: string): Promise<void>;
}

/** How large the pieces are that `get` gives. */
export const blobPieceBytes = 256 * 1024;
