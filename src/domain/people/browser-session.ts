import type { ApiKeyId } from "../../lib/words/ids.ts";

const hourMs = 3_600_000;
/** A session ends that nobody used for so long. */
export const idleMs = 12 * hourMs;
/** No session lasts longer, however much it is used. */
export const longestMs = 30 * 24 * hourMs;
/** Of one API key; beyond them those go that were not used for longest. */
export const maxSessionsOfKey = 100;

/** A browser that a person signed in with an API key. It is good as long as the key is, and not longer than it says itself. */
export interface BrowserSession {
  readonly id: string;
  readonly apiKeyId: ApiKeyId;
  /** SHA-256 of the cookie's value, in hex. Unique. */
  readonly hash: string;
  readonly createdAt: Date;
  /** To the minute. */
  readonly lastUsedAt: Date;
  readonly lastUsedAddress: string;
  /** When it ends if nobody uses it before. */
  readonly endsAt: Date;
  /** As the browser called itself when it signed in. */
  readonly userAgent: string;
}

/** When a session ends that is used now and not again. */
export const endAfterUse = (createdAt: Date, now: Date): Date =>
  new Date(Math.min(now.getTime() + idleMs, createdAt.getTime() + longestMs));
