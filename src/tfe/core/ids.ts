import { compactId, type Id, type IdPrefix, idFromCompact, idPrefixes, isId } from "../../lib/words/ids.ts";

/** Kinds that have another prefix in the TFE API. */
const theirPrefixes: Readonly<Partial<Record<IdPrefix, string>>> = { vset: "varset", atok: "at" };

const prefixOf = (id: string): string => id.slice(0, Math.max(0, id.indexOf("_")));
const theirPrefixOf = (prefix: IdPrefix): string => theirPrefixes[prefix] ?? prefix;

/** What follows the prefix of an id: 16 letters and digits, as clients check it, or more for ids that somebody else chose. */
const suffixOf = (id: string): string => compactId(id) ?? id.slice(id.indexOf("_") + 1);

/** Ids as clients of the TFE API know them: `run-` and 16 letters and digits. */
export function toTfeId(id: string): string {
  const known = idPrefixes.find((prefix) => prefix === prefixOf(id));
  return known === undefined ? id : `${theirPrefixOf(known)}-${suffixOf(id)}`;
}

/** An id as this server has it, whichever way it was written; what is no id of ours stays as it is, and is nobody's. */
export function fromTfeId(text: string): string {
  const [, prefix = ""] = /^([a-z]+)[-_]/.exec(text) ?? [];
  const known = idPrefixes.find((one) => one === prefix || theirPrefixOf(one) === prefix);
  return known === undefined ? text : (idWith(known, text.slice(prefix.length + 1)) ?? text);
}

function idWith<Prefix extends IdPrefix>(prefix: Prefix, suffix: string): Id<Prefix> | undefined {
  const whole = `${prefix}_${suffix}`;
  return isId(prefix, whole) ? whole : idFromCompact(prefix, suffix);
}

/** An id of one kind; undefined for anything else. */
export function idIn<Prefix extends IdPrefix>(prefix: Prefix, text: string): Id<Prefix> | undefined {
  const id = fromTfeId(text);
  return isId(prefix, id) ? id : undefined;
}

/**
 * Ids of what is a part of something else: the plan and the apply of a run are `plan-…` and `apply-…` with the rest of its id.
 */
export const toPartId = (part: string, id: string): string => `${part}-${suffixOf(id)}`;

/** The id of the whole whose part is named; undefined for anything else. */
export const wholeOf = <Prefix extends IdPrefix>(part: string, prefix: Prefix, text: string): Id<Prefix> | undefined =>
  text.startsWith(`${part}-`) ? idWith(prefix, text.slice(part.length + 1)) : undefined;

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
  const end = text.indexOf("-", part.length + 1);
  if (end < 0) return undefined;
  const owner = wholeOf(part, prefix, text.slice(0, end));
  if (owner === undefined) return undefined;
  const encoded = text.slice(end + 1);
  const name = Buffer.from(encoded, "base64url").toString("utf8");
  return Buffer.from(name).toString("base64url") === encoded ? { owner, name } : undefined;
}
