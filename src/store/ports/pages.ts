/** When and from where a credential was used; nothing is written if a use after `ifBefore` is already known. */
export interface CredentialUse {
  readonly at: Date;
  readonly ifBefore: Date;
  readonly address: string;
}

/** A page in the order of ids: rows whose id sorts after `after`, at most `limit`. */
export interface IdPage {
  readonly after: string | null;
  readonly limit: number;
}

/** A page in the order of a key: rows whose key sorts after `after`, at most `limit`. */
export interface KeyPage<K> {
  readonly after: K | null;
  /** The last key that is looked at; absent or null is the end. */
  readonly upTo?: K | null | undefined;
  readonly limit: number;
}

/** A page in the order of a unique name. */
export type NamePage = KeyPage<string>;

/** The key of a list in the order of two columns. */
export type Pair = readonly [string, string];

/** So many rows of a list after a key. */
export interface RowCount<K = string> {
  readonly after: K | null;
  readonly rows: number;
}

/** A part of a list that is counted: `limit` rows after the first `offset`. */
export interface Slice {
  readonly offset: number;
  readonly limit: number;
}

/** Such a part, and how many rows the whole list has. */
export interface Sliced<T> {
  readonly rows: readonly T[];
  readonly total: number;
}

/** A page newest first: rows before (`at`, `id`) in that order, at most `limit`. */
export interface TimePage {
  readonly before: Position | null;
  /** The last position that is looked at; absent or null is the end. */
  readonly downTo?: Position | null | undefined;
  readonly limit: number;
}

/** A place in a list in the order of time and id. */
export interface Position {
  readonly at: Date;
  readonly id: string;
}
