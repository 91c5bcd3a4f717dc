import { setImmediate as nextTurn } from "node:timers/promises";
import type { KeyPage, Position, RowCount, TimePage } from "../../store/ports/pages.ts";
import { type Cursor, cursorOf, malformedToken, numberCursor, timeCursor } from "./cursor.ts";
import type { Vault } from "./vault.ts";

/** What a caller asks of a list. Size 0 is 50, at most 1000; an empty token is the first page. */
export interface PageRequest {
  readonly size: number;
  readonly token: string;
}

/** One page of a list; `nextToken` is empty on the last one. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly nextToken: string;
  /** The token of the page after the first `count` rows (at least one): for an answer without room for all rows. */
  readonly tokenAfter: (count: number) => string;
}

const defaultSize = 50;
const maxSize = 1000;

/** How many rows a page gets. */
export const pageSize = (size: number): number => Math.min(size > 0 ? size : defaultSize, maxSize);

/** A list in the order of a key `K`. */
interface KeyedList<T, K> {
  readonly cursor: Cursor<K>;
  readonly read: (page: KeyPage<K>) => Promise<readonly T[]>;
  readonly keyOf: (row: T) => NoInfer<K>;
}

/** A page in the order of a key. It stays right while rows come and go. */
export async function pageByKey<T, K>(
  request: PageRequest,
  { cursor, read, keyOf }: KeyedList<T, K>,
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const rows = await read({ after: placeIn(request, cursor), limit: size + 1 });
  return cut(rows, size, (last) => cursor.encode(keyOf(last)));
}

/** Where the page before ended; null before the first page. */
const placeIn = <P>({ token }: Pick<PageRequest, "token">, cursor: Cursor<P>): P | null =>
  token === "" ? null : cursor.decode(token);

/** A page in the order of a number that only grows. */
export async function pageByNumber<T>(
  request: PageRequest,
  read: (page: { readonly after: number; readonly limit: number }) => Promise<readonly T[]>,
  numberOf: (row: T) => number,
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const after = placeIn(request, numberCursor) ?? 0;
  return cut(await read({ after, limit: size + 1 }), size, (last) => numberCursor.encode(numberOf(last)));
}

/** A page newest first. It stays right while rows come and go. */
export async function pageByTime<T>(
  request: PageRequest,
  read: (page: TimePage) => Promise<readonly T[]>,
  positionOf: (row: T) => { readonly createdAt: Date; readonly id: string },
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const rows = await read({ before: placeIn(request, timeCursor), limit: size + 1 });
  return cut(rows, size, (last) => tokenOf(positionOf(last)));
}

const tokenOf = ({ createdAt: at, id }: { readonly createdAt: Date; readonly id: string }): string =>
  timeCursor.encode({ at, id });

/** A list that no index tells, in the order of a place `P`. */
interface Search<T, P> {
  /** The place `rows` rows further on, wanted or not; null if there are fewer. */
  readonly placeAfter: (from: P | null, rows: number) => Promise<P | null>;
  /** The wanted rows after `from`, at most to `to`. */
  readonly read: (step: {
    readonly from: P | null;
    readonly to: P | null;
    readonly limit: number;
  }) => Promise<readonly T[]>;
}

/** How many rows one statement of a search looks at: it holds up everybody. */
export const searchedRows = 2_000;
/** After this many statements the page is given with the rows found so far; its token goes on from there. */
const maxSearches = 50;

/** Looks through a list in steps, between which others get their turn, until enough is found. Also says where it gave up. */
async function lookThrough<T, P>(
  { start, limit }: { readonly start: P | null; readonly limit: number },
  { placeAfter, read }: Search<T, P>,
): Promise<{ readonly rows: readonly T[]; readonly stoppedAt: P | null }> {
  const rows: T[] = [];
  let from = start;
  for (let looks = 0; looks < maxSearches; looks++) {
    const to = await placeAfter(from, searchedRows);
    rows.push(...(await read({ from, to, limit: limit - rows.length })));
    if (rows.length >= limit || to === null) return { rows, stoppedAt: null };
    from = to;
    await nextTurn();
  }
  return { rows, stoppedAt: from };
}

interface TimeSearch<T> {
  readonly placeAfter: (page: { readonly before: Position | null; readonly rows: number }) => Promise<Position | null>;
  readonly read: (page: TimePage) => Promise<readonly T[]>;
  readonly positionOf: (row: T) => { readonly createdAt: Date; readonly id: string };
}

/** A page newest first of rows that no index tells. */
export async function searchByTime<T>(
  request: PageRequest,
  { placeAfter, read, positionOf }: TimeSearch<T>,
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const start = placeIn(request, timeCursor);
  const { rows, stoppedAt } = await lookThrough<T, Position>(
    { start, limit: size + 1 },
    {
      placeAfter: (before, count) => placeAfter({ before, rows: count }),
      read: ({ from: before, to: downTo, limit }) => read({ before, downTo, limit }),
    },
  );
  const tokenAfter = (last: T) => tokenOf(positionOf(last));
  return cut(rows, size, tokenAfter, stoppedAt === null ? "" : timeCursor.encode(stoppedAt));
}

interface KeySearch<T, K> extends KeyedList<T, K> {
  readonly placeAfter: (page: RowCount<K>) => Promise<K | null>;
  /** How many rows one look takes in, if rows of this list are costly. */
  readonly rows?: number | undefined;
}

/** A page in the order of a key of rows that no index tells. */
export async function searchByKey<T, K>(
  request: PageRequest,
  { cursor, placeAfter, read, keyOf, rows: step = searchedRows }: KeySearch<T, K>,
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const start = placeIn(request, cursor);
  const { rows, stoppedAt } = await lookThrough<T, K>(
    { start, limit: size + 1 },
    {
      placeAfter: (after, count) => placeAfter({ after, rows: Math.min(count, step) }),
      read: ({ from: after, to: upTo, limit }) => read({ after, upTo, limit }),
    },
  );
  return cut(rows, size, (last) => cursor.encode(keyOf(last)), stoppedAt === null ? "" : cursor.encode(stoppedAt));
}

/** The same page with other rows, one for each. */
export const withRows = <T>(page: Page<unknown>, rows: readonly T[]): Page<T> => ({ ...page, rows });

/** Most characters that are read for a page; its answer is measured once more when it is encoded, and ends at 1 MiB. */
const maxPageCharacters = 1_000_000;

/** As many of the rows as a page has room for; the next one goes on after them. */
function cut<T>(rows: readonly T[], size: number, tokenOfRow: (last: T) => string, tokenAtEnd = ""): Page<T> {
  const tokenAfter = (count: number): string => {
    const last = rows[count - 1];
    if (last === undefined) throw new Error("a page ends after one of its rows");
    return tokenOfRow(last);
  };
  const count = Math.min(size, rowsWithin(rows, maxPageCharacters));
  const all = { rows, nextToken: tokenAtEnd, tokenAfter };
  return upTo(all, Math.min(count, rows.length));
}

/** A page of a part of a document. Its token says of which one, so that all pages are of the same. */
export function pageOfExcerpt<T extends { readonly place: number }>(
  document: string,
  { rows, isEnd }: { readonly rows: readonly T[]; readonly isEnd: boolean },
): Page<T> {
  const tokenAfter = (count: number) => excerptCursor.encode([document, rows[count - 1]?.place ?? 0]);
  return { rows, nextToken: isEnd || rows.length === 0 ? "" : tokenAfter(rows.length), tokenAfter };
}

/** Places in a document. */
const excerptCursor = cursorOf("text", "number");

/** Where the page before such a page ended, and in which document; undefined before the first page. */
export function placeInExcerpt(token: string): { readonly document: string; readonly place: number } | undefined {
  if (token === "") return undefined;
  const [document, place] = excerptCursor.decode(token);
  return { document, place };
}

/** How many rows are looked at together when what is shown of them can be large. */
const fewRows = 20;

/** The page with its rows as they are shown, one for each: read a few at a time until there is enough for an answer. */
export async function viewed<T, V>(
  page: Page<T>,
  view: (rows: readonly T[]) => Promise<readonly V[]>,
): Promise<Page<V>> {
  const views: V[] = [];
  let left = maxPageCharacters;
  while (views.length < page.rows.length && left > 0) {
    const few = await view(page.rows.slice(views.length, views.length + fewRows));
    left -= few.reduce((sum, one) => sum + charactersIn(one, maxPageCharacters), 0);
    views.push(...few);
  }
  return withRows(upTo(page, views.length), views);
}

/** A page of the first rows of this one. */
export const upTo = <T>(page: Page<T>, count: number): Page<T> =>
  count >= page.rows.length ? page : { ...page, rows: page.rows.slice(0, count), nextToken: page.tokenAfter(count) };

/** A page of what is all in memory, and does not change, or only at its end: its token is a place. */
export function pageOfAll<T>(request: PageRequest, all: readonly T[]): Page<T> {
  const start = placeIn(request, numberCursor) ?? 0;
  if (start < 0) throw malformedToken();
  const rows = all.slice(start, start + pageSize(request.size));
  const tokenAfter = (count: number) => numberCursor.encode(start + count);
  const isLast = start + rows.length >= all.length;
  return { rows, nextToken: isLast ? "" : tokenAfter(rows.length), tokenAfter };
}

/** How many of the rows have no more characters together, but at least one. */
export function rowsWithin(rows: readonly unknown[], maxCharacters: number): number {
  let left = maxCharacters;
  const over = rows.findIndex((row, index) => {
    left -= charactersIn(row, left);
    return left < 0 && index > 0;
  });
  return over === -1 ? rows.length : over;
}

/** About what a value needs in a message; it stops counting once there are more than `most`. */
function charactersIn(value: unknown, most: number): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 8;
  let count = 8;
  for (const [key, part] of Object.entries(value)) {
    if (count > most) break;
    count += key.length + charactersIn(part, most - count);
  }
  return count;
}

/** What a caller gets of a token: it says where the page ends, and that may be something that is hidden from the caller. */
export const sealToken = (vault: Pick<Vault, "seal">, method: string, token: string): string =>
  token === "" ? "" : Buffer.from(vault.seal(Buffer.from(token), tokenSubject(method))).toString("base64url");

/** The token of such a text; refuses what this list did not give out. */
export function openToken(vault: Pick<Vault, "open">, method: string, text: string): string {
  if (text === "") return "";
  try {
    return Buffer.from(vault.open(Buffer.from(text, "base64url"), tokenSubject(method))).toString();
  } catch {
    throw malformedToken();
  }
}

const tokenSubject = (method: string): string => `page/${method}`;
