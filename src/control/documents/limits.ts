import { measureJson } from "../../lib/json/measure.ts";

const mib = 1024 * 1024;

/** What is looked into at most; of two documents together. */
export const maxDocumentBytes = 128 * mib;
/** Objects, arrays and members: a parser makes up to a hundred bytes of each. */
export const maxDocumentValues = 2_000_000;
/** Deeper documents would overflow the stack of whoever walks them. */
export const maxReadDepth = 500;
/** Largest summary of a plan that is kept: some 200,000 changes. */
export const maxSummaryBytes = 64 * mib;
/** Of what comes after so much of a summary, attributes are left out. */
export const maxDetailedSummaryBytes = 24 * mib;
/** Longest value of an output that is shown. */
export const maxValueBytes = mib;

/** Why documents cost too much to be parsed; undefined if they do not. */
export function whyTooCostly(documents: readonly Uint8Array[]): string | undefined {
  const bytes = documents.reduce((sum, { length }) => sum + length, 0);
  if (bytes > maxDocumentBytes) return `it has ${bytes} bytes, and ${maxDocumentBytes} are looked into`;
  let left = maxDocumentValues;
  for (const document of documents) {
    const { values, depth } = measureJson(document, left);
    if (values > left) return `it holds more than ${maxDocumentValues} values`;
    if (depth > maxReadDepth) return `it is nested ${depth} levels deep`;
    left -= values;
  }
  return undefined;
}

/** Which part of a long answer is wanted. */
export interface DocumentPart {
  /** The place of the last row before it; null is the beginning. */
  readonly after: number | null;
  /** Most rows. */
  readonly limit: number;
}

/** A part of a long answer: each row with its place in the whole. */
export interface Excerpt<T> {
  readonly rows: readonly (T & { readonly place: number })[];
  /** Nothing comes after it. */
  readonly isEnd: boolean;
}

/** Where every excerpt ends, as JSON: what is made of it has no more than 1 MiB. */
const maxExcerptBytes = 960 * 1024;

/** The rows of a part as they are shown: as many as there is room for, but at least one. */
export function excerpt<R, T extends object>(
  all: readonly R[],
  { after, limit }: DocumentPart,
  show: (row: R) => T,
): Excerpt<T> {
  const start = after === null ? 0 : after + 1;
  const rows: (T & { readonly place: number })[] = [];
  let left = maxExcerptBytes;
  for (const [index, one] of all.slice(start, start + limit).entries()) {
    const row = { place: start + index, ...show(one) };
    left -= Buffer.byteLength(JSON.stringify(row));
    if (left < 0 && rows.length > 0) break;
    rows.push(row);
  }
  return { rows, isEnd: start + rows.length >= all.length };
}

const maxTextCharacters = 16 * 1024;

/** A text for people; one that is too long is cut. */
export const shortText = (text: string): string =>
  text.length > maxTextCharacters ? `${text.slice(0, maxTextCharacters).toWellFormed()}…` : text;
