import { standingOf } from "../../domain/agents/token.ts";
import type { ApiKey, Role } from "../../domain/people/api-key.ts";
import { mayGive, type Person, type Principal } from "../../domain/people/principal.ts";
import type { Random } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId, type OrganizationId } from "../../lib/words/ids.ts";
import { hashToken, mintToken } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, notFound } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { defaultLifetimeMs, endOf } from "../core/lifetimes.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";

/** A key with the name of its organization; empty for a site admin's. */
export interface KeyView {
  readonly key: ApiKey;
  readonly organizationName: string;
  readonly isActive: boolean;
}

export interface NewApiKey {
  readonly name: string;
  readonly role: Role;
  /** Null exactly for a site admin's key. */
  readonly organizationId: OrganizationId | null;
}

/** Enough to tell keys apart: `wdl_usr_4kQ9`. */
const prefixLength = 12;

/** A row for a new key, with its secret, which is nowhere else. */
export function mintKey(
  random: Random,
  wanted: NewApiKey & Pick<ApiKey, "createdAt" | "createdBy" | "expiresAt">,
): { readonly key: ApiKey; readonly secret: string } {
  const secret = mintToken("usr", random);
  const unused = { lastUsedAt: null, lastUsedAddress: "", revokedAt: null, replacedBy: null };
  const hidden = { hash: hashToken(secret), prefix: secret.slice(0, prefixLength) };
  return { key: { id: newId("key", random), ...wanted, ...hidden, ...unused }, secret };
}

/**
 * Creates an API key that does not expire, in nobody's name: for the first start. The secret is in the answer and
 * nowhere else.
 */
export async function createApiKey(
  control: Control,
  { name, role, organizationId }: NewApiKey,
): Promise<{ readonly key: ApiKey; readonly secret: string }> {
  if ((role === "site_admin") !== (organizationId === null)) {
    throw new WindlassError(
      "internal",
      `a key with the role ${role} ${organizationId === null ? "needs" : "has no"} organization`,
    );
  }
  return change(control, async (tx, at) => {
    const facts = { name, role, organizationId, createdAt: at.now, createdBy: "", expiresAt: null };
    const made = mintKey(control.random, facts);
    await tx.apiKeys.insert(made.key);
    await record(tx, "system", {
      action: "key.create",
      resource: made.key.id,
      organizationId,
      detail: { name, role },
      at: at.now,
    });
    return made;
  });
}

export interface WantedApiKey {
  /** Id or name; empty is the caller's only one, and none for a site admin's key. */
  readonly organization: string;
  readonly name: string;
  readonly role: Role;
  /** Null is the default (90 days), 0 is for ever. */
  readonly expiresInMs: number | null;
}

/** Creates a key for somebody else or for CI. Nobody gives more than they have. */
export async function issueApiKey(
  control: Control,
  who: Principal,
  { organization, name, role, expiresInMs }: WantedApiKey,
): Promise<KeyView & { readonly secret: string }> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const owner = await ownerOf(tx, person, { organization, role });
    const expiresAt = endOf(at.now, expiresInMs ?? defaultLifetimeMs);
    const times = { createdAt: at.now, createdBy: actorOf(person), expiresAt };
    const { key, secret } = mintKey(control.random, { name, role, organizationId: owner?.id ?? null, ...times });
    await tx.apiKeys.insert(key);
    const detail = { name, role, expires: expiresAt?.toISOString() ?? "never" };
    const entry = { action: "key.create", resource: key.id, organizationId: key.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
    return { key, organizationName: owner?.name ?? "", isActive: true, secret };
  });
}

/** Where a new key belongs; undefined for the site. Refuses a role that the person cannot give. */
async function ownerOf(
  tx: Queries,
  person: Person,
  { organization, role }: Pick<WantedApiKey, "organization" | "role">,
) {
  if (role !== "site_admin") {
    const owner = await findOrganization(tx, person, organization);
    demand(person, "own");
    if (mayGive(person, role)) return owner;
  }
  demand(person, "administer_site");
  if (organization === "") return undefined;
  throw siteHasNone();
}

/** The refusal of an organization that is named for a site admin's key. */
export const siteHasNone = (): WindlassError =>
  invalid("organization", "a site admin's key belongs to no organization: leave this out, or choose another role");

/** The key of that id, for those who manage it. */
export async function findKey(tx: Queries, person: Person, id: string): Promise<ApiKey> {
  const found = isId("key", id) ? await tx.apiKeys.get(id) : undefined;
  const isVisible = person.role === "site_admin" || found?.organizationId === person.organizationId;
  if (found === undefined || !isVisible) throw notFound("API key", id);
  return found;
}

/** One key; for owners and site admins. */
export async function getApiKey(control: Control, who: Principal, id: string): Promise<KeyView> {
  const person = asPerson(who);
  return control.store.read(async (q) => {
    const key = await findKey(q, person, id);
    demand(person, "own");
    return viewKey(q, key, control.clock.now());
  });
}

/** The keys of an organization, newest first; for site admins who name none, every key. */
export async function listApiKeys(
  control: Control,
  who: Principal,
  { organization, page }: { readonly organization: string; readonly page: PageRequest },
): Promise<Page<KeyView>> {
  const person = asPerson(who);
  demand(person, "own");
  return control.store.read(async (q) => {
    const isEverywhere = organization === "" && person.role === "site_admin";
    const owner = isEverywhere ? null : (await findOrganization(q, person, organization)).id;
    const keys = await pageByTime(
      page,
      (times) => q.apiKeys.list(owner, times),
      (row) => row,
    );
    const views: KeyView[] = [];
    for (const key of keys.rows) views.push(await viewKey(q, key, control.clock.now()));
    return withRows(keys, views);
  });
}

/** A key with what people want to know about it. */
export async function viewKey(q: Queries, key: ApiKey, now: Date): Promise<KeyView> {
  const owner = key.organizationId === null ? undefined : await q.organizations.get(key.organizationId);
  return { key, organizationName: owner?.name ?? "", isActive: standingOf(key, now) === "valid" };
}
