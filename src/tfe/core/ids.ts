import { type Id, type IdPrefix, isId } from "../../lib/words/ids.ts";

/**
 * Ids as clients of the TFE API know them: `run-…` for `run_…`. The terraform program takes nothing else for the run of a saved
 * plan.
 */
export const toTfeId = (id: string): string => id.replace("_", "-");

/** An id as this server has it, whichever way it was written; what is no id of ours stays as it is, and is nobody's. */
export const fromTfeId = (text: string): string => text.replace("-", "_");

/** An id of one kind; undefined for anything else. */
export function idIn<Prefix extends IdPrefix>(prefix: Prefix, text: string): Id<Prefix> | undefined {
  const id = fromTfeId(text);
  return isId(prefix, id) ? id : undefined;
}

/**
 * Ids of what is a part of something else: the plan and the apply of a run are `plan-…` and `apply-…` with the rest of its id.
 */
export const toPartId = (part: string, id: string): string => `${part}-${id.slice(id.indexOf("_") + 1)}`;

/** The id of the whole whose part is named; undefined for anything else. */
export function wholeOf<Prefix extends IdPrefix>(part: string, prefix: Prefix, text: string): Id<Prefix> | undefined {
  const known = text.startsWith(`${part}-`) ? `${prefix}_${text.slice(part.length + 1)}` : "";
  return isId(prefix, known) ? known : undefined;
}

/** A time as all clients read it: to the millisecond, ending in Z. */
export const toTime = (at: Date | null): string | null => at?.toISOString() ?? null;

/** The id of what a name tells within something else, such as a tag within its organization. */
export const toNamedId = (part: string, owner: string, name: string): string =>
  `${toPartId(part, owner)}-${Buffer.from(name).toString("base64url")}`;

/** What such an id names; undefined for anything else. */
export function namedIn<Prefix extends IdPrefix>(
  part: string,
  prefix: Prefix,
  text: string,
): { readonly owner: Id<Prefix>; readonly name: string } | undefined {
  const end = part.length + 1 + suffixLength;
  const owner = wholeOf(part, prefix, text.slice(0, end));
  if (owner === undefined || text[end] !== "-") return undefined;
  const encoded = text.slice(end + 1);
  const name = Buffer.from(encoded, "base64url").toString("utf8");
  return Buffer.from(name).toString("base64url") === encoded ? { owner, name } : undefined;
}

/** Of every id of ours, after its prefix. */
const suffixLength = 26;
