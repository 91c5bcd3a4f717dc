import { standingOf } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import type { BrowserSession } from "../../domain/people/browser-session.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, notFound } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { findKey } from "./api-keys.ts";
import { removeSession } from "./browser-sessions.ts";

export interface BrowserSessionView {
  readonly session: BrowserSession;
  /** True for the one by which the call is made. */
  readonly isCurrent: boolean;
}

/** The browsers that are signed in with a key, newest first; an empty id is the caller's own key. */
export async function listBrowserSessions(
  control: Control,
  who: Principal,
  { keyId, page }: { readonly keyId: string; readonly page: PageRequest },
): Promise<Page<BrowserSessionView>> {
  const person = asPerson(who);
  const now = control.clock.now();
  return control.store.read(async (q) => {
    const key = await findSignedKey(q, person, keyId);
    const sessions = await pageByTime(
      page,
      async (times) => (standingOf(key, now) === "valid" ? q.browserSessions.list(key.id, now, times) : []),
      (row) => row,
    );
    const views = sessions.rows.map((session) => ({ session, isCurrent: session.id === person.browserSessionId }));
    return withRows(sessions, views);
  });
}

export interface EndedBrowsers {
  /** Id of the key; empty is the caller's own. */
  readonly keyId: string;
  /** Id of one session; empty if `isAll`. */
  readonly sessionId: string;
  readonly isAll: boolean;
}

/** Signs browsers out at once. Answers how many. */
export async function endBrowserSessions(
  control: Control,
  who: Principal,
  { keyId, sessionId, isAll }: EndedBrowsers,
): Promise<number> {
  const person = asPerson(who);
  if (isAll === (sessionId !== "")) throw invalid("browser_session_id", "name one session, or ask for all of them");
  return change(control, async (tx, at) => {
    const key = await findSignedKey(tx, person, keyId);
    const present = await tx.browserSessions.ofKey(key.id);
    const ending = present.filter(({ id }) => isAll || id === sessionId);
    if (ending.length === 0 && !isAll) throw notFound("browser session", sessionId, { api_key: key.id });
    for (const session of ending) await removeSession(tx, at, session);
    const { id: resource, name, organizationId } = key;
    const which: Readonly<Record<string, string>> = isAll
      ? { count: `${ending.length}` }
      : { ended_session: sessionId };
    const entry = { action: "session.end", resource, organizationId, detail: { name, ...which } };
    await record(tx, person, { ...entry, at: at.now });
    return ending.length;
  });
}

/** The key whose sessions are asked for: everybody's own, and for those who manage keys any. */
async function findSignedKey(q: Queries, person: Person, keyId: string): Promise<ApiKey> {
  const key = await findKey(q, person, keyId === "" ? person.id : keyId);
  if (key.id !== person.id) demand(person, "own");
  return key;
}
