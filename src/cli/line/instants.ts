import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { usageError } from "../problems/problem.ts";
import { durationMs, type Flag } from "./flags.ts";

/** A point in time as it was given: so long ago, or at a date. */
export type Instant = { readonly kind: "ago"; readonly ms: number } | { readonly kind: "at"; readonly date: Date };

/** `2026-03-01`, `2026-03-01T12:00:00Z`, or how long ago: `24h`, `7d`. */
export const instant = (about: string): Flag<Instant | undefined> => ({
  kind: "value",
  about,
  placeholder: "TIME",
  isRepeatable: false,
  read: async ([first], name) => (first === undefined ? undefined : readInstant(first, name)),
});

async function readInstant(given: string, name: string): Promise<Instant> {
  if (/^\d{4}-\d{2}-\d{2}/.test(given)) {
    const date = new Date(given);
    if (!Number.isNaN(date.getTime())) return { kind: "at", date };
  }
  try {
    return { kind: "ago", ms: await durationMs(given, name) };
  } catch {
    throw usageError(
      `${name} is a date such as 2026-03-01 or 2026-03-01T12:00:00Z, or a duration ago such as 24h, not "${given}"`,
    );
  }
}

/** The instant on the wire. */
export const timestampOf = (given: Instant, now: Date): Timestamp =>
  timestampFromDate(given.kind === "at" ? given.date : new Date(now.getTime() - given.ms));
