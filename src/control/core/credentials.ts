import { type AgentToken, standingOf, tokenTitle } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import type { WakeUps } from "../../lib/async/wake-ups.ts";
import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { ApiKeyId } from "../../lib/words/ids.ts";
import type { Store } from "../../store/ports/store.ts";

/** The refusal of what is no credential, or nobody's. */
export const invalidToken = (message: string): WindlassError => new WindlassError("token_invalid", message);

/** The agent token, if it is good now. */
export function demandActiveToken(token: AgentToken | undefined, now: Date): AgentToken {
  const advice = "create a new one (windlass token create) and start the agent with it";
  if (token === undefined) throw unknownToken("agent token", advice);
  demandValid(token, { what: tokenTitle(token), advice, now });
  return token;
}

/** The refusal of a credential that is in no row. */
export const unknownToken = (what: string, advice: string) =>
  invalidToken(`this server knows no such ${what}: ${advice}`);

interface Described {
  readonly what: string;
  readonly advice: string;
  readonly now: Date;
}

/** Refuses a credential that was revoked or has expired, and says what to do. */
export function demandValid(
  credential: { readonly id: string; readonly expiresAt: Date | null; readonly revokedAt: Date | null },
  { what, advice, now }: Described,
): void {
  const { id, expiresAt, revokedAt } = credential;
  const standing = standingOf(credential, now);
  if (standing === "revoked") throw revoked(id, revokedAt ?? now, what, advice);
  if (standing === "valid") return;
  const at = expiresAt?.toISOString() ?? "";
  throw new WindlassError("token_expired", `${what} expired at ${at}: ${advice}`, { metadata: { token_id: id, at } });
}

function revoked(id: string, when: Date, what: string, advice: string): WindlassError {
  const at = when.toISOString();
  return new WindlassError("token_revoked", `${what} was revoked at ${at}: ${advice}`, {
    metadata: { token_id: id, at },
  });
}

/** How long a key is believed without a look: so late does this process hear of another's change if its wake-up is lost. */
export const believedMs = 1_000;

/** Keys that are remembered at a time; the one that was read first goes first. */
const mostKeys = 1_000;

interface Known {
  readonly key: ApiKey;
  /** The mark of the wake-ups from before it was read. */
  readonly seen: number;
  readonly readMs: number;
}

/**
 * API keys that were read a moment ago, so that not every call reads its own. A key counts as it was read until its wake-up, or a
 * second. Whether it has expired is for whoever asks: that is a matter of the time. Keys that are not there are not remembered.
 */
export class KnownKeys {
  readonly #wake: WakeUps;
  readonly #clock: Clock;
  readonly #topicOf: (id: ApiKeyId) => string;
  readonly #byId = new Map<ApiKeyId, Known>();
  readonly #idOf = new Map<string, ApiKeyId>();

  /** `topicOf` names the wake-up of a key. */
  constructor(wake: WakeUps, clock: Clock, topicOf: (id: ApiKeyId) => string) {
    this.#wake = wake;
    this.#clock = clock;
    this.#topicOf = topicOf;
  }

  /** The key whose secret has this hash. */
  async byHash(store: Store, hash: string): Promise<ApiKey | undefined> {
    const id = this.#idOf.get(hash);
    const known = id === undefined ? undefined : this.recent(id);
    return known ?? this.#read(() => store.read((q) => q.apiKeys.byHash(hash)));
  }

  async byId(store: Store, id: ApiKeyId): Promise<ApiKey | undefined> {
    return this.recent(id) ?? this.#read(() => store.read((q) => q.apiKeys.get(id)));
  }

  /** The key, if it was read a moment ago and nothing was heard of it since. */
  recent(id: ApiKeyId): ApiKey | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    const isHeardOf = this.#wake.version(this.#topicOf(id)) > known.seen;
    if (!isHeardOf && this.#clock.monotonicMs() - known.readMs < believedMs) return known.key;
    this.forget(known.key);
    return undefined;
  }

  /** Reads it anew when it is asked for next. */
  forget({ id, hash }: Pick<ApiKey, "id" | "hash">): void {
    this.#byId.delete(id);
    this.#idOf.delete(hash);
  }

  async #read(read: () => Promise<ApiKey | undefined>): Promise<ApiKey | undefined> {
    const seen = this.#wake.mark();
    const readMs = this.#clock.monotonicMs();
    const key = await read();
    if (key !== undefined) this.#keep({ key, seen, readMs });
    return key;
  }

  #keep(known: Known): void {
    const { id, hash } = known.key;
    this.forget(known.key);
    this.#byId.set(id, known);
    this.#idOf.set(hash, id);
    const [oldest] = this.#byId.values();
    if (this.#byId.size > mostKeys && oldest !== undefined) this.forget(oldest.key);
  }
}
