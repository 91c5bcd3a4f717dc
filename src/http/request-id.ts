import type { Random } from "../lib/random.ts";

/** The header in which a call's id comes, and goes back. */
export const requestIdHeader = "x-request-id";

/** The id of a call: the caller's, if it may stand in a log line, else a new one. */
export const requestIdOf = (given: string | null, random: Random): string =>
  given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : random.uuid();
