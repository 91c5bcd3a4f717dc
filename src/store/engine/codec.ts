import { WindlassError } from "../../lib/words/errors.ts";

/**
 * Checks on values before they reach a driver, the same for both engines: what one engine would store and the other
 * refuse, or store changed, is refused here. `null` passes, because a prepared query hands it to the column's codec.
 */
const refuse = (expected: string): never => {
  throw new WindlassError("validation", `a value cannot be stored: expected ${expected}`);
};

/** Well-formed text without U+0000, which PostgreSQL cannot store. */
export function checkedText(value: string): string {
  if (value?.includes("\0") || value?.isWellFormed() === false) refuse("well-formed text without U+0000");
  return value;
}

/** A whole number that a double holds exactly. */
export function checkedInteger(value: number): number {
  if (value !== null && !Number.isSafeInteger(value)) refuse("a whole number between -(2^53 - 1) and 2^53 - 1");
  return value;
}

const lastInstantMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A valid instant between the years 1 and 9999. */
export function checkedInstant(value: Date): Date {
  if (value !== null) {
    const ms = value.getTime();
    if (!(ms >= -62_135_596_800_000 && ms <= lastInstantMs)) refuse("an instant between the years 1 and 9999");
  }
  return value;
}

/** A value as JSON text that both engines store: no U+0000 and no lone surrogate, not even escaped. */
export function checkedJson(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const json = JSON.stringify(value);
  if (/\\u(?:0000|d[89a-f])/i.test(json.replaceAll("\\\\", ""))) refuse("json without U+0000 and lone surrogates");
  return json;
}
