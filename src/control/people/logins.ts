import { createHash } from "node:crypto";
import type { ApiKey, Role } from "../../domain/people/api-key.ts";
import { allows, mayGive, type Person } from "../../domain/people/principal.ts";
import { hasActing } from "../../lib/text/clean-text.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import { sameHash } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import { findOrganization } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { endOf } from "../core/lifetimes.ts";
import { invalid } from "../core/refusals.ts";
import { type KeyView, mintKey, siteHasNone, viewKey } from "./api-keys.ts";
import { demandActiveKey } from "./authentication.ts";
import { type LoginFacts, openNote, sealNote } from "./login-notes.ts";

/** What a person may give a program that asks them to log in. */
export interface LoginOffer {
  /** Highest first. */
  readonly roles: readonly Role[];
  /** Empty for a site admin. */
  readonly organizationName: string;
  /** No key that they make so lasts longer; null is no bound. */
  readonly endsBy: Date | null;
}

/** What they choose of it. */
export interface LoginChoice {
  /** Id or name; counts for site admins who give a role in an organization. */
  readonly organization: string;
  readonly role: Role;
  readonly name: string;
  readonly expiresInMs: number;
}

/** The new key. */
export interface LoginKey extends KeyView {
  /** It is nowhere else. */
  readonly secret: string;
}

/** Who asked for a code, and how they will prove that it was they. Source: RFC 7636. */
export interface CodeBinding {
  readonly clientId: string;
  readonly redirectUri: string;
  /** SHA-256 of the verifier, in base64url. */
  readonly challenge: string;
}

export interface CodeUse extends Omit<CodeBinding, "challenge"> {
  readonly code: string;
  readonly verifier: string;
  readonly address: string;
}

const allRoles: readonly Role[] = ["site_admin", "owner", "operator", "planner", "reader"];
/** Between signing in and saying what is given. */
const ticketMs = 10 * 60_000;
/** Between a code and its use. */
const codeMs = 60_000;

/** What a person may give. */
export const offerLogin = async ({ store, clock }: Control, who: Person): Promise<LoginOffer> =>
  store.read(async (q) => {
    const { key, organizationName } = await viewKey(q, await signerOf(q, who.id, clock.now()), clock.now());
    return { roles: allRoles.filter((role) => mayGive(who, role)), organizationName, endsBy: endBound(who, key) };
  });

/** A text by which a person who signed in is known for ten minutes, with what they were asked. */
export const ticketFor = (control: Control, { id }: Pick<Person, "id">, facts: LoginFacts): string =>
  sealNote(control, "ticket", { facts: { ...facts, signer: id }, forMs: ticketMs });

/** Who signed in, and what they were asked. */
export interface OpenedTicket {
  readonly who: Person;
  readonly nonce: string;
  readonly facts: LoginFacts;
}

/** Undefined for a ticket that is too old or not ours. Throws `token_revoked` and its sisters. */
export async function openTicket(
  control: Control,
  { ticket, address }: { readonly ticket: string; readonly address: string },
): Promise<OpenedTicket | undefined> {
  const opened = openNote(control, "ticket", ticket);
  if (opened.kind !== "good") return undefined;
  const { nonce, facts } = opened.note;
  const key = await control.store.read((q) => signerOf(q, facts.signer ?? "", control.clock.now()));
  return { who: personOf(key, address), nonce, facts };
}

/** A code for what was chosen: good for a minute and for one use, by who asked for it. Refuses what may not be given. */
export async function codeFor(
  control: Control,
  who: Person,
  { choice, binding }: { readonly choice: LoginChoice; readonly binding: CodeBinding },
): Promise<string> {
  await control.store.read((q) => plan(q, who, { choice, now: control.clock.now() }));
  const { expiresInMs, ...texts } = choice;
  const facts = { ...texts, ...binding, expiresInMs: String(expiresInMs), signer: who.id };
  return sealNote(control, "code", { facts, forMs: codeMs });
}

export type CodeOutcome =
  | { readonly kind: "issued"; readonly made: LoginKey }
  | { readonly kind: "refused"; readonly why: string };

/** Makes the key that a code stands for. A code that comes again gets nothing, and ends what the first one got. */
export async function redeemCode(control: Control, use: CodeUse): Promise<CodeOutcome> {
  const opened = openNote(control, "code", use.code);
  if (opened.kind !== "good") return refuse(opened.kind === "too-old" ? "the code is too old" : "the code is unknown");
  const { facts, nonce } = opened.note;
  const wrong = unfit(facts, use);
  if (wrong !== undefined) return refuse(wrong);
  try {
    return await change(control, async (tx, at): Promise<CodeOutcome> => {
      const who = personOf(await signerOf(tx, facts.signer ?? "", at.now), use.address);
      if (await isUsed(tx, at, { who, nonce })) return refuse("the code was used before");
      return { kind: "issued", made: await issue(tx, at, { who, nonce, choice: choiceIn(facts) }) };
    });
  } catch (error) {
    if (!isWindlassError(error) || !expectedCodes.has(error.code)) throw error;
    return refuse(error.message);
  }
}

/** What may have changed since the code was given; `name_taken` is the row of another use at the same moment. */
const expectedCodes: ReadonlySet<string> = new Set([
  ...["token_invalid", "token_expired", "token_revoked", "not_found", "organization_required"],
  ...["name_taken", "validation", "permission_denied"],
]);

const refuse = (why: string): CodeOutcome => ({ kind: "refused", why });

function unfit(facts: LoginFacts, { clientId, redirectUri, verifier }: CodeUse): string | undefined {
  if (facts.clientId !== clientId) return "the code was given to another client";
  if (facts.redirectUri !== redirectUri) return "the redirect_uri is not the one that the code was asked with";
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  return sameHash(challenge, facts.challenge ?? "") ? undefined : "the code_verifier does not fit the code_challenge";
}

/** Makes a key for somebody who holds a ticket, once. Throws `request_id_reused` the second time. */
export async function issueByTicket(
  control: Control,
  { who, nonce }: Pick<OpenedTicket, "who" | "nonce">,
  choice: LoginChoice,
): Promise<LoginKey> {
  return change(control, async (tx, at) => {
    await signerOf(tx, who.id, at.now);
    const used = await tx.requests.get(who.id, requestIdOf(nonce));
    if (used === undefined) return issue(tx, at, { who, nonce, choice });
    throw new WindlassError("request_id_reused", "this page has made its key: begin again for another one");
  });
}

interface Issue {
  readonly who: Person;
  readonly nonce: string;
  readonly choice: LoginChoice;
}

async function issue(tx: Queries, at: Change, { who, nonce, choice }: Issue): Promise<LoginKey> {
  const { organizationId, expiresAt } = await plan(tx, who, { choice, now: at.now });
  const { name, role } = choice;
  const times = { createdAt: at.now, createdBy: actorOf(who), expiresAt };
  const { key, secret } = mintKey(at.random, { name, role, organizationId, ...times });
  await tx.apiKeys.insert(key);
  const used = { principal: who.id, requestId: requestIdOf(nonce), method: loginMethod, bodyHash: "" };
  await tx.requests.insert({ ...used, resourceId: key.id, at: at.now });
  const detail = { name, role, expires: expiresAt.toISOString(), by: "login" };
  await record(tx, who, { action: "key.create", resource: key.id, organizationId, detail, at: at.now });
  return { ...(await viewKey(tx, key, at.now)), secret };
}

const loginMethod = "login";
const requestIdOf = (nonce: string): string => `login/${nonce}`;

/**
 * Whether a code was used. Somebody else has it then, and nobody knows who came first: what it made ends. Source: RFC 6749,
 * 4.1.2.
 */
async function isUsed(tx: Queries, at: Change, { who, nonce }: Pick<Issue, "who" | "nonce">): Promise<boolean> {
  const used = await tx.requests.get(who.id, requestIdOf(nonce));
  if (used === undefined) return false;
  const key = isId("key", used.resourceId) ? await tx.apiKeys.get(used.resourceId) : undefined;
  if (key === undefined || key.revokedAt !== null) return true;
  await tx.apiKeys.save({ ...key, revokedAt: at.now });
  at.touched.add(topics.key(key.id));
  const { name, role, organizationId } = key;
  const detail = { name, role, why: "its code was used twice" };
  await record(tx, who, { action: "key.revoke", resource: key.id, organizationId, detail, at: at.now });
  return true;
}

/** Where the key will belong and when it will end. Refuses what may not be given. */
async function plan(
  q: Queries,
  who: Person,
  { choice, now }: { readonly choice: LoginChoice; readonly now: Date },
): Promise<{ readonly organizationId: ApiKey["organizationId"]; readonly expiresAt: Date }> {
  const { name, role, organization, expiresInMs } = choice;
  if (!mayGive(who, role)) {
    const words = `a key with the role ${textOf(who.role)} cannot give the role ${textOf(role)}`;
    throw new WindlassError("permission_denied", words, { metadata: { action: "own" } });
  }
  if (name.trim() === "" || name.length > maxName || hasActing(name) || /[\t\n]/.test(name)) {
    throw invalid("name", `expected 1 to ${maxName} characters on one line`);
  }
  const end = endOf(now, expiresInMs);
  if (end === null) throw invalid("expires_in", "a login ends: expected at least one second");
  const bound = endBound(who, await signerOf(q, who.id, now));
  const expiresAt = bound !== null && bound < end ? bound : end;
  if (role === "site_admin") {
    if (organization.trim() !== "") throw siteHasNone();
    return { organizationId: null, expiresAt };
  }
  const owner = await findOrganization(q, who, who.organizationId ?? organization.trim());
  return { organizationId: owner.id, expiresAt };
}

const maxName = 128;

/** Who may make keys for others may make any; the login of others ends with the key that they signed in with. */
const endBound = (who: Person, { expiresAt }: Pick<ApiKey, "expiresAt">): Date | null =>
  allows(who, "own") ? null : expiresAt;

/** The key that signed in, if it is good now. */
const signerOf = async (q: Queries, id: string, now: Date): Promise<ApiKey> =>
  demandActiveKey(isId("key", id) ? await q.apiKeys.get(id) : undefined, now);

const personOf = ({ id, name, role, organizationId }: ApiKey, address: string): Person => ({
  ...{ kind: "api_key", id, name, role, organizationId, address },
});

function choiceIn({ organization = "", role, name = "", expiresInMs }: LoginFacts): LoginChoice {
  const known = allRoles.find((one) => one === role);
  if (known === undefined) throw invalid("role", "the code names no role");
  return { organization, role: known, name, expiresInMs: Number(expiresInMs) };
}

const textOf = (role: Role): string => role.replaceAll("_", "-");
