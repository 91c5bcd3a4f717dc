import { createHash } from "node:crypto";
import { issuerDocument, keysOf } from "../../domain/agents/key-set.ts";
import type { IdentityTrust } from "../../domain/agents/trust.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { publishedKeys } from "./issuer-documents.ts";

type Keys = readonly object[];

interface Entry {
  /** As they were last told; undefined if they never were. */
  keys: Keys | undefined;
  toldMs: number;
  askedMs: number;
  asking: Promise<void> | undefined;
  problem: string;
}

/** How long keys are taken as they were told, and for how long if the issuer does not answer. */
const freshMs = 10 * 60_000;
const lastMs = 24 * 3_600_000;
/** An issuer is asked no more often than this, whatever tokens name. */
const restMs = 30_000;
const mostKept = 1_000;

/** The keys of issuers, asked for once for everybody who waits for them. */
export class IssuerKeys {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #ask: (trust: IdentityTrust) => Promise<Keys>;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Pick<Clock, "monotonicMs">, ask = (trust: IdentityTrust): Promise<Keys> => publishedKeys(trust)) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /**
   * The keys of the issuer of a trust. `isAnew`: those that were known have not the key of a token, which may be new. Throws
   * `issuer_unavailable`.
   */
  async of(trust: IdentityTrust, isAnew = false): Promise<Keys> {
    if (trust.jwks !== "") return keysOf(issuerDocument(trust.jwks)) ?? [];
    const entry = this.#entryOf(trust);
    const nowMs = this.#clock.monotonicMs();
    const isDue = isAnew || entry.keys === undefined || nowMs - entry.toldMs >= freshMs;
    if (isDue && (entry.asking !== undefined || nowMs - entry.askedMs >= restMs)) await this.#renew(entry, trust);
    if (entry.keys !== undefined && this.#clock.monotonicMs() - entry.toldMs < lastMs) return entry.keys;
    throw new WindlassError(
      "issuer_unavailable",
      `the keys of the issuer ${trust.issuer} are not known: ${entry.problem}`,
      {
        ...{ metadata: { issuer: trust.issuer }, retryAfterMs: restMs },
      },
    );
  }

  #entryOf({ issuer, caCertificates }: IdentityTrust): Entry {
    const name = createHash("sha256").update(`${issuer}\n${caCertificates}`).digest("hex");
    const never = Number.NEGATIVE_INFINITY;
    const entry = this.#entries.get(name) ?? {
      ...{ keys: undefined, toldMs: never, askedMs: never, asking: undefined, problem: "" },
    };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > mostKept && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }

  /** Whoever comes while the issuer is asked waits for the same answer. */
  async #renew(entry: Entry, trust: IdentityTrust): Promise<void> {
    entry.asking ??= this.#askFor(entry, trust).finally(() => {
      entry.asking = undefined;
    });
    await entry.asking;
  }

  async #askFor(entry: Entry, trust: IdentityTrust): Promise<void> {
    entry.askedMs = this.#clock.monotonicMs();
    try {
      entry.keys = await this.#ask(trust);
      entry.toldMs = this.#clock.monotonicMs();
    } catch (error) {
      entry.problem = messageOf(error);
    }
  }
}
