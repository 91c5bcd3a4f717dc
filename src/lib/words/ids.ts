import { TypeID } from "typeid-js";
import type { Random } from "../random.ts";
import { WindlassError } from "./errors.ts";

/** The prefixes of every kind of id; the text of an id is `<prefix>_<26 characters>`. */
export const idPrefixes = [
  "org",
  "apool",
  "atok",
  "agent",
  "ws",
  "var",
  "cv",
  "run",
  "job",
  "sv",
  "key",
  "vset",
] as const;

export type IdPrefix = (typeof idPrefixes)[number];

/** An id of one kind: the prefix is part of the type, so a run's id does not pass for a workspace's. */
export type Id<Prefix extends IdPrefix> = `${Prefix}_${string}`;

export type OrganizationId = Id<"org">;
export type PoolId = Id<"apool">;
export type AgentTokenId = Id<"atok">;
export type AgentId = Id<"agent">;
export type WorkspaceId = Id<"ws">;
export type VariableId = Id<"var">;
export type VariableSetId = Id<"vset">;
export type ConfigurationId = Id<"cv">;
export type RunId = Id<"run">;
export type JobId = Id<"job">;
export type StateVersionId = Id<"sv">;
export type ApiKeyId = Id<"key">;

/** A fresh id such as `run_362hhfd9p29j9vqfjt4h78rve9`, made of a random UUID (122 random bits, no order in time). */
export const newId = <Prefix extends IdPrefix>(prefix: Prefix, random: Random): Id<Prefix> =>
  idFromUuid(prefix, random.uuid());

/**
 * The id that stands for this UUID, always the same one: for ids that another party chose. Refuses a malformed UUID
 * (`validation`).
 */
export function idFromUuid<Prefix extends IdPrefix>(prefix: Prefix, uuid: string): Id<Prefix> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) {
    throw new WindlassError("validation", `expected a UUID such as 5c9a0a7f-7f6d-4f0e-9a55-0b6b8f2f3c11, got ${uuid}`);
  }
  return TypeID.fromUUID(prefix, uuid).toString() as Id<Prefix>;
}

/** True for a text that can be an id of some kind. */
export const isAnyId = (text: string): boolean => idPrefixes.some((prefix) => isId(prefix, text));

/** True for a well-formed id of this kind; says nothing about whether such a thing exists. */
export function isId<Prefix extends IdPrefix>(prefix: Prefix, text: string): text is Id<Prefix> {
  // The suffix is 128 bits in base 32: its first character carries three of them.
  return text.startsWith(`${prefix}_`) && /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(text.slice(prefix.length + 1));
}
