import { type BrowserSession, endAfterUse, maxSessionsOfKey } from "../../domain/people/browser-session.ts";
import type { Person } from "../../domain/people/principal.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { ApiKeyId } from "../../lib/words/ids.ts";
import { hashToken, mintToken, parseToken } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { invalidToken } from "../core/credentials.ts";
import { demandActiveKey, touchEveryMs } from "./authentication.ts";

/** What a browser says when somebody signs in there. */
export interface SignIn {
  readonly userAgent: string;
  /** The cookie that it had before; its session ends. */
  readonly formerSecret: string | undefined;
}

const maxUserAgent = 200;

/** Signs a person in who has shown an API key. The secret is for the browser's cookie, and nowhere else. */
export async function signIn(
  control: Control,
  who: Person,
  { userAgent, formerSecret }: SignIn,
): Promise<{ readonly session: BrowserSession; readonly secret: string }> {
  const secret = mintToken("web", control.random);
  return change(control, async (tx, at) => {
    const key = demandActiveKey(await tx.apiKeys.get(who.id), at.now);
    if (formerSecret !== undefined) await endFormer(tx, at, formerSecret);
    await makeRoom(tx, at, key.id);
    const session: BrowserSession = {
      ...{ id: at.random.uuid(), apiKeyId: key.id, hash: hashToken(secret) },
      ...{ createdAt: at.now, lastUsedAt: at.now, lastUsedAddress: who.address ?? "" },
      ...{ endsAt: endAfterUse(at.now, at.now), userAgent: oneLine(userAgent).slice(0, maxUserAgent) },
    };
    await tx.browserSessions.insert(session);
    const detail = { name: key.name, browser_session: session.id };
    await record(tx, who, { action: "session.sign_in", ...subjectOf(key), detail, at: at.now });
    return { session, secret };
  });
}

const subjectOf = ({ id, organizationId }: Pick<Person, "id" | "organizationId">) => ({ resource: id, organizationId });

async function endFormer(tx: Queries, at: Change, secret: string): Promise<void> {
  const former = await tx.browserSessions.byHash(hashToken(secret));
  if (former !== undefined) await removeSession(tx, at, former);
}

async function makeRoom(tx: Queries, at: Change, keyId: ApiKeyId): Promise<void> {
  const present = await tx.browserSessions.ofKey(keyId);
  for (const session of present.slice(0, Math.max(0, present.length - maxSessionsOfKey + 1)))
    await removeSession(tx, at, session);
}

/** Deletes a session and tells its streams. */
export async function removeSession(tx: Queries, at: Change, session: BrowserSession): Promise<void> {
  await tx.browserSessions.delete(session.id);
  at.touched.add(topics.key(session.apiKeyId));
}

/** Ends the session of a browser; nothing if it is over already. */
export async function signOut(
  control: Control,
  { secret, address }: { readonly secret: string; readonly address: string },
): Promise<void> {
  await change(control, async (tx, at) => {
    const session = await tx.browserSessions.byHash(hashToken(secret));
    const key = session === undefined ? undefined : await tx.apiKeys.get(session.apiKeyId);
    if (session === undefined || key === undefined) return;
    await removeSession(tx, at, session);
    const { id, name, role, organizationId } = key;
    const who: Person = { kind: "api_key", id, name, role, organizationId, address, browserSessionId: session.id };
    await record(tx, who, { action: "session.sign_out", ...subjectOf(key), detail: { name }, at: at.now });
  });
}

/** Who is signed in in a browser. Throws `token_invalid`, `token_expired` or `token_revoked`, saying what to do. */
export async function personOfSession(
  control: Control,
  { secret, address }: { readonly secret: string; readonly address: string },
): Promise<Person> {
  const parsed = parseToken(secret);
  if (parsed.kind !== "ok" || parsed.tokenKind !== "web") throw notSignedIn();
  const now = control.clock.now();
  const { session, key } = await control.store.read(async (q) => {
    const found = demandLive(await q.browserSessions.byHash(hashToken(secret)), now);
    return { session: found, key: demandActiveKey(await q.apiKeys.get(found.apiKeyId), now) };
  });
  const { id, name, role, organizationId } = key;
  if (now.getTime() - session.lastUsedAt.getTime() >= touchEveryMs) await recordUse(control, session, { now, address });
  return { kind: "api_key", id, name, role, organizationId, address, browserSessionId: session.id };
}

function demandLive(session: BrowserSession | undefined, now: Date): BrowserSession {
  if (session === undefined) throw notSignedIn();
  if (session.endsAt > now) return session;
  const at = session.endsAt.toISOString();
  throw new WindlassError("token_expired", `the session of this browser ended at ${at}: sign in again`, {
    metadata: { token_id: session.id, at },
  });
}

const notSignedIn = () => invalidToken("this browser is not signed in, or its session was ended: sign in again");

/** The use of a session is one of its key. A call does not fail because that could not be written. */
async function recordUse(
  { store, log }: Control,
  { id, apiKeyId, createdAt }: BrowserSession,
  { now, address }: { readonly now: Date; readonly address: string },
): Promise<void> {
  const use = { at: now, address, ifBefore: new Date(now.getTime() - touchEveryMs) };
  try {
    await store.step(async (tx) => {
      await tx.browserSessions.touch(id, { ...use, endsAt: endAfterUse(createdAt, now) });
      await tx.apiKeys.touch(apiKeyId, use);
    });
  } catch (err) {
    log.warn({ err }, "the use of a browser session could not be written down");
  }
}

/**
 * When a person's credential ends, as it is known now; null if never. Throws if it is not good any more: the key was revoked
 * or has expired, or the browser was signed out.
 */
export async function goodUntil(
  { store, knownKeys }: Pick<Control, "store" | "knownKeys">,
  who: Person,
  now: Date,
): Promise<Date | null> {
  const { id, browserSessionId } = who;
  if (browserSessionId === undefined) return demandActiveKey(await knownKeys.byId(store, id), now).expiresAt;
  const { expiresAt, endsAt } = await store.read(async (q) => {
    const key = demandActiveKey(await q.apiKeys.get(id), now);
    const session = demandLive(await q.browserSessions.get(browserSessionId), now);
    return { expiresAt: key.expiresAt, endsAt: session.endsAt };
  });
  return expiresAt !== null && expiresAt < endsAt ? expiresAt : endsAt;
}
