import { createHash } from "node:crypto";
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

/**
 * A fresh id such as `run_362hhfd9p29j9vqfjt4h78rve9`: 95 random bits, no order in time, and 32 bits that follow from them, so that
 * the first alone tell it. See `compactId`.
 */
export const newId = <Prefix extends IdPrefix>(prefix: Prefix, random: Random): Id<Prefix> =>
  idOfCore(prefix, numberIn(random.bytes(24)) % cores);

/** Length of what `compactId` gives. */
export const compactLength = 16;
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const cores = 62n ** BigInt(compactLength);
const coreBytes = 12;

/**
 * What tells an id within its kind in 16 letters and digits, as clients of the TFE API want ids; undefined for one whose UUID
 * somebody else chose, and for what is no id.
 */
export function compactId(id: string): string | undefined {
  const prefix = idPrefixes.find((one) => isId(one, id));
  if (prefix === undefined) return undefined;
  const bytes = Buffer.from(TypeID.fromString(id).toUUIDBytes());
  const core = numberIn(bytes.subarray(0, coreBytes));
  if (core >= cores || idOfCore(prefix, core) !== id) return undefined;
  let text = "";
  for (let rest = core; text.length < compactLength; rest /= 62n) text = digits.charAt(Number(rest % 62n)) + text;
  return text;
}

/** The id that `compactId` told; undefined for what it never gives. */
export function idFromCompact<Prefix extends IdPrefix>(prefix: Prefix, text: string): Id<Prefix> | undefined {
  if (!/^[0-9A-Za-z]{16}$/.test(text)) return undefined;
  const core = [...text].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n);
  return idOfCore(prefix, core);
}

function idOfCore<Prefix extends IdPrefix>(prefix: Prefix, core: bigint): Id<Prefix> {
  const hex = core.toString(16).padStart(2 * coreBytes, "0");
  const rest = createHash("sha256").update("windlass id\n").update(hex).digest("hex").slice(0, 8);
  return idFromUuid(prefix, `${hex}${rest}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
}

const numberIn = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

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
