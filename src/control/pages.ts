import type { NamePage, TimePage } from "../store/ports.ts";
import { invalid } from "./invalid.ts";

/** What a caller asks of a list. Size 0 is 50, at most 1000; an empty token is the first page. */
export interface PageRequest {
  readonly size: number;
  readonly token: string;
}

/** One page of a list; `nextToken` is empty on the last one. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly nextToken: string;
}

const defaultSize = 50;
const maxSize = 1000;

/** How many rows a page gets. */
export const pageSize = (size: number): number => Math.min(size > 0 ? size : defaultSize, maxSize);

/** A page in the order of a key. It stays right while rows come and go. */
export async function pageByKey<T>(
  request: PageRequest,
  read: (page: NamePage) => Promise<readonly T[]>,
  keyOf: (row: T) => string,
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const rows = await read({ after: request.token === "" ? null : keyIn(request.token), limit: size + 1 });
  return cut(rows, size, (last) => tokenOf(["key", keyOf(last)]));
}

/** A page in the order of a number that only grows. */
export async function pageByNumber<T>(
  request: PageRequest,
  read: (page: { readonly after: number; readonly limit: number }) => Promise<readonly T[]>,
  numberOf: (row: T) => number,
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const after = request.token === "" ? 0 : Number(keyIn(request.token));
  if (!Number.isSafeInteger(after)) throw malformed();
  return cut(await read({ after, limit: size + 1 }), size, (last) => tokenOf(["key", String(numberOf(last))]));
}

/** A page newest first. It stays right while rows come and go. */
export async function pageByTime<T>(
  request: PageRequest,
  read: (page: TimePage) => Promise<readonly T[]>,
  positionOf: (row: T) => { readonly createdAt: Date; readonly id: string },
): Promise<Page<T>> {
  const size = pageSize(request.size);
  const rows = await read({ before: request.token === "" ? null : momentIn(request.token), limit: size + 1 });
  return cut(rows, size, (last) => {
    const { createdAt, id } = positionOf(last);
    return tokenOf(["time", createdAt.toISOString(), id]);
  });
}

interface Matching<T> {
  readonly read: (page: NamePage) => Promise<readonly T[]>;
  readonly keyOf: (row: T) => string;
  readonly isWanted: (row: T) => boolean;
}

/** How many rows are looked at in one go. */
const matchingBatch = 500;

/** Reads on until enough rows are wanted or there are no more: for what a database cannot tell. */
export async function readMatching<T>(
  { after, limit }: NamePage,
  { read, keyOf, isWanted }: Matching<T>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (let position = after; ; ) {
    const rows = await read({ after: position, limit: matchingBatch });
    found.push(...rows.filter(isWanted));
    const last = rows.at(-1);
    if (found.length >= limit || last === undefined || rows.length < matchingBatch) return found.slice(0, limit);
    position = keyOf(last);
  }
}

/** The same page with other rows, one for each. */
export const withRows = <T>(page: Page<unknown>, rows: readonly T[]): Page<T> => ({ rows, nextToken: page.nextToken });

function cut<T>(rows: readonly T[], size: number, tokenAfter: (last: T) => string): Page<T> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { rows: shown, nextToken: last === undefined || rows.length <= size ? "" : tokenAfter(last) };
}

const tokenOf = (position: readonly string[]): string => Buffer.from(JSON.stringify(position)).toString("base64url");

const malformed = () =>
  invalid("page_token", "expected the next_page_token of the page before, unchanged, or nothing for the first page");

function positionIn(token: string): readonly unknown[] {
  try {
    const position: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(position)) return position;
  } catch {
    // No token of ours is anything but JSON.
  }
  throw malformed();
}

function keyIn(token: string): string {
  const [kind, key, ...more] = positionIn(token);
  if (kind !== "key" || typeof key !== "string" || more.length > 0) throw malformed();
  return key;
}

function momentIn(token: string): { readonly at: Date; readonly id: string } {
  const [kind, text, id, ...more] = positionIn(token);
  if (kind !== "time" || typeof text !== "string" || typeof id !== "string" || more.length > 0) throw malformed();
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw malformed();
  return { at, id };
}
