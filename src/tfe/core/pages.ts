import { invalid } from "../../control/core/refusals.ts";
import { WindlassError } from "../../lib/words/errors.ts";

interface Asked {
  readonly query: URLSearchParams;
}

/** Which part of a list is asked for: pages are counted from 1. */
export interface PageWish {
  readonly number: number;
  readonly size: number;
}

/** A page as its readers are told of it; without a total where counting would cost too much. */
export interface PageFacts extends PageWish {
  readonly total: number | undefined;
  /** Whether another page follows, where there is no total. */
  readonly hasMore?: boolean | undefined;
}

const defaultSize = 20;
const maxSize = 100;
/** Nobody turns so many pages; beyond it a list is read by its filters. */
const maxNumber = 100_000;

/** `page[number]` and `page[size]`: 20 if it is not said, at most 100. Throws `validation` for what is no number. */
export const pageOf = ({ query }: Asked): PageWish => ({
  number: Math.max(1, numberIn(query, "page[number]", 1, maxNumber)),
  size: Math.min(maxSize, numberIn(query, "page[size]", defaultSize, Number.MAX_SAFE_INTEGER) || defaultSize),
});

function numberIn(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name)?.trim() ?? "";
  if (text === "") return otherwise;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw invalid(name, `expected a whole number of at most ${most}, got ${JSON.stringify(text.slice(0, 40))}`);
}

/** The first row of a page. */
export const offsetOf = ({ number, size }: PageWish): number => (number - 1) * size;

/** The same as lists in the database take it. */
export const sliceOf = (wish: PageWish): { readonly offset: number; readonly limit: number } => ({
  offset: offsetOf(wish),
  limit: wish.size,
});

/** The page of a list that is there as a whole. */
export function pageIn<T>(
  all: readonly T[],
  wish: PageWish,
): { readonly rows: readonly T[]; readonly page: PageFacts } {
  const from = offsetOf(wish);
  return { rows: all.slice(from, from + wish.size), page: { ...wish, total: all.length } };
}

/**
 * The names in `include`, with `-` as `_`; empty ones do not count. Throws `validation` whose text clients know for one that the
 * route does not have.
 */
export function includesOf<const Name extends string>({ query }: Asked, known: readonly Name[]): ReadonlySet<Name> {
  const names = query
    .getAll("include")
    .flatMap((text) => text.split(","))
    .map((name) => name.trim().replaceAll("-", "_"));
  const wanted = new Set<Name>();
  for (const name of names) {
    if (name === "") continue;
    const match = known.find((one) => one === name);
    if (match === undefined) throw unknownInclude(name, known);
    wanted.add(match);
  }
  return wanted;
}

/** What `sort` says: the name of an order, descending with `-` before it. Throws `validation` for one that the route does not have. */
export function sortOf<const Name extends string>(
  { query }: Asked,
  known: readonly Name[],
): { readonly name: Name; readonly isDescending: boolean } | undefined {
  const text = query.get("sort")?.trim() ?? "";
  if (text === "") return undefined;
  const name = known.find((one) => one === text.replace(/^-/, ""));
  if (name !== undefined) return { name, isDescending: text.startsWith("-") };
  throw new WindlassError(
    "validation",
    `Invalid sort parameter: ${JSON.stringify(text.slice(0, 80))}; known here: ${known.join(", ")}`,
    { metadata: { parameter: "sort" } },
  );
}

const unknownInclude = (name: string, known: readonly string[]) =>
  new WindlassError(
    "validation",
    `Invalid include parameter: ${JSON.stringify(name.slice(0, 80))}; known here: ${known.join(", ") || "none"}`,
    { metadata: { parameter: "include" } },
  );
