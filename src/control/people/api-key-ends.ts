import { standingOf } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import { allows, type Person, type Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { endOf } from "../core/lifetimes.ts";
import { findKey, type KeyView, mintKey, viewKey } from "./api-keys.ts";

export interface Rotation {
  readonly id: string;
  /** How long the old key goes on; null is the default (one hour), 0 ends it at once. */
  readonly overlapMs: number | null;
  /** How long the new one is good for; null is as long as the old one was, 0 is for ever. */
  readonly expiresInMs: number | null;
}

export interface Rotated {
  readonly made: KeyView;
  readonly secret: string;
  readonly replaced: KeyView;
}

const defaultOverlapMs = 3_600_000;

/**
 * Makes a key in the place of another one, which ends after the overlap and never later than it would have. Everybody may
 * rotate their own key, but only those who manage keys may make it last longer.
 */
export async function rotateApiKey(control: Control, who: Principal, wanted: Rotation): Promise<Rotated> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const old = await findKey(tx, person, wanted.id);
    if (old.id !== person.id) demand(person, "own");
    demandRotatable(old, at.now);
    const expiresAt = endOfNew(person, old, { now: at.now, expiresInMs: wanted.expiresInMs });
    if (expiresAt !== null) await demandOtherAdmin(tx, old);
    const { name, role, organizationId } = old;
    const times = { createdAt: at.now, createdBy: actorOf(person), expiresAt };
    const { key, secret } = mintKey(control.random, { name, role, organizationId, ...times });
    const overlapEnd = new Date(at.now.getTime() + (wanted.overlapMs ?? defaultOverlapMs));
    const replaced: ApiKey = { ...old, replacedBy: key.id, expiresAt: earlier(old.expiresAt, overlapEnd) };
    await tx.apiKeys.insert(key);
    await save(tx, at, replaced);
    const detail = { name, role, replaced_by: key.id, ends: replaced.expiresAt?.toISOString() ?? "" };
    await record(tx, person, { action: "key.rotate", resource: old.id, organizationId, detail, at: at.now });
    return {
      made: await viewKey(tx, key, at.now),
      secret,
      replaced: await viewKey(tx, replaced, at.now),
    };
  });
}

/** Ends a key at once, with its browser sessions and the streams that it opened. Revoking again changes nothing. */
export async function revokeApiKey(control: Control, who: Principal, id: string): Promise<KeyView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const key = await findKey(tx, person, id);
    demand(person, "own");
    if (key.revokedAt !== null) return viewKey(tx, key, at.now);
    await demandOtherAdmin(tx, key);
    const revoked: ApiKey = { ...key, revokedAt: at.now };
    await save(tx, at, revoked);
    await tx.browserSessions.deleteOfKey(key.id);
    const { name, role, organizationId } = key;
    const entry = { action: "key.revoke", resource: key.id, organizationId, detail: { name, role } };
    await record(tx, person, { ...entry, at: at.now });
    return viewKey(tx, revoked, at.now);
  });
}

async function save(tx: Queries, at: Change, key: ApiKey): Promise<void> {
  await tx.apiKeys.save(key);
  at.touched.add(topics.key(key.id));
}

function demandRotatable(key: ApiKey, now: Date): void {
  const standing = standingOf(key, now);
  const why =
    standing !== "valid" ? (standing === "revoked" ? "was revoked" : "has expired") : key.replacedBy && "was replaced";
  if (!why) return;
  throw new WindlassError("not_rotatable", `the API key "${key.name}" ${why}: create a new one`, {
    metadata: { resource: "API key", id: key.id },
  });
}

function endOfNew(
  person: Person,
  old: ApiKey,
  { now, expiresInMs }: { readonly now: Date; readonly expiresInMs: number | null },
): Date | null {
  const oldMs = old.expiresAt === null ? 0 : old.expiresAt.getTime() - old.createdAt.getTime();
  const isLonger = expiresInMs !== null && oldMs > 0 && (expiresInMs === 0 || expiresInMs > oldMs);
  if (isLonger && !allows(person, "own")) {
    throw new WindlassError(
      "permission_denied",
      `the role ${person.role} of ${person.name} may rotate its own key, but not make it last longer: leave expires_in out`,
      { metadata: { action: "own" } },
    );
  }
  return endOf(now, expiresInMs ?? oldMs);
}

/** Without a site admin's key that lasts, a day may come on which nobody can administer the site. */
async function demandOtherAdmin(tx: Queries, key: ApiKey): Promise<void> {
  if (key.role !== "site_admin" || key.expiresAt !== null || key.revokedAt !== null) return;
  if ((await tx.apiKeys.countLastingAdmins(key.id)) > 0) return;
  throw new WindlassError(
    "last_admin_key",
    `"${key.name}" is the last key of a site admin that does not expire: create another one before you end it`,
  );
}

const earlier = (one: Date | null, other: Date): Date => (one !== null && one < other ? one : other);
