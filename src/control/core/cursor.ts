import { invalid } from "./refusals.ts";

/** How a place in a list travels as a page token; `decode` refuses what `encode` has not written. */
export interface Cursor<P> {
  encode(place: P): string;
  decode(token: string): P;
}

interface Cells {
  readonly text: string;
  /** A whole number. */
  readonly number: number;
  readonly instant: Date;
}

type Tuple<C extends readonly (keyof Cells)[]> = { readonly [I in keyof C]: Cells[C[I]] };

/** Places that are tuples of such values. */
export const cursorOf = <const C extends readonly (keyof Cells)[]>(...cells: C): Cursor<Tuple<C>> => ({
  encode: (place) => Buffer.from(JSON.stringify(place)).toString("base64url"),
  decode: (token) => {
    const values = listIn(token);
    if (values.length !== cells.length) throw malformedToken();
    const place: readonly unknown[] = cells.map((cell, at) => read[cell](values[at]));
    return place as Tuple<C>;
  },
});

/** Places that are told by a tuple, and are something else to their list. */
export const cursorBy = <P, const T extends readonly unknown[]>(
  tuples: Cursor<T>,
  { toTuple, toPlace }: { readonly toTuple: (place: P) => NoInfer<T>; readonly toPlace: (tuple: T) => P },
): Cursor<P> => ({
  encode: (place) => tuples.encode(toTuple(place)),
  decode: (token) => toPlace(tuples.decode(token)),
});

/** Places in the order of a name. */
export const nameCursor: Cursor<string> = cursorBy(cursorOf("text"), {
  toTuple: (name) => [name],
  toPlace: ([name]) => name,
});

/** Places in the order of a number. */
export const numberCursor: Cursor<number> = cursorBy(cursorOf("number"), {
  toTuple: (number) => [number],
  toPlace: ([number]) => number,
});

/** Places in the order of two texts. */
export const pairCursor = cursorOf("text", "text");

/** Places in the order of time and id. */
export const timeCursor: Cursor<{ readonly at: Date; readonly id: string }> = cursorBy(cursorOf("instant", "text"), {
  toTuple: ({ at, id }) => [at, id],
  toPlace: ([at, id]) => ({ at, id }),
});

/** Says that a token is none of this list. */
export const malformedToken = () =>
  invalid("page_token", "expected the next_page_token of the page before, unchanged, or nothing for the first page");

const read: { readonly [C in keyof Cells]: (value: unknown) => Cells[C] } = {
  text: (value) => {
    if (typeof value !== "string") throw malformedToken();
    return value;
  },
  number: (value) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw malformedToken();
    return value;
  },
  instant: (value) => {
    const instant = new Date(read.text(value));
    if (Number.isNaN(instant.getTime())) throw malformedToken();
    return instant;
  },
};

function listIn(token: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(list)) return list;
  } catch {
    // No token of ours is anything but JSON.
  }
  throw malformedToken();
}
