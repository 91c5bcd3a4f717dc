import { isIP } from "node:net";
import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";

/** One that fails is passed over for about so long, each time for twice as long. */
const firstPauseMs = 1_000;
const maxPauseMs = 60_000;
/** One that stops is passed over for as long as a restart takes. */
const restartMs = 15_000;

/** Where a control plane is reached: an address, and one of the hosts behind its name where that is known. */
export interface AddressHost {
  readonly url: string;
  readonly host?: string | undefined;
}

interface Pause {
  readonly failures: number;
  readonly untilMs: number;
}

/**
 * The addresses of one control plane and what is known of each: which one is called, and which are passed over for a
 * while. A name with several records is several. The order is by chance, so that a fleet spreads.
 */
export class Endpoints {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #urls: readonly string[];
  /** Hosts behind the names, as they were resolved last. */
  readonly #hosts = new Map<string, readonly string[]>();
  readonly #pauses = new Map<string, Pause>();
  /** What was left since one was good. */
  readonly #left = new Set<string>();
  #current: AddressHost | undefined;

  constructor(urls: readonly string[], { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
    this.#urls = shuffled(urls, random);
  }

  /** The one that was good last, as long as it has not been left. */
  get current(): AddressHost | undefined {
    return this.#current;
  }

  get count(): number {
    return this.#urls.length;
  }

  /** All addresses, best first: the current one, the others in turn from there, and at last those that are passed over. */
  order(): readonly string[] {
    const from = this.#urls.indexOf(this.#current?.url ?? "") + (this.#current === undefined ? 1 : 0);
    const turned = [...this.#urls.slice(from), ...this.#urls.slice(0, from)];
    return this.#bestFirst(turned, (url) => this.#untilOf(url));
  }

  /** The hosts behind the name of an address, best first; remembers them. */
  hostsInOrder(url: string, hosts: readonly string[]): readonly string[] {
    this.#hosts.set(url, hosts);
    const family = isIP(hosts[0] ?? "");
    // The system knows which family has a way out.
    const own = hosts.filter((host) => isIP(host) === family);
    const other = hosts.filter((host) => isIP(host) !== family);
    const mixed = [...shuffled(own, this.#random), ...shuffled(other, this.#random)];
    const { url: currentUrl, host: currentHost } = this.#current ?? {};
    const last = currentUrl === url ? mixed.filter((host) => host === currentHost) : [];
    const turned = [...last, ...mixed.filter((host) => !last.includes(host))];
    return this.#bestFirst(turned, (host) => this.#pauseOf({ url, host }));
  }

  /** It has answered as it should. */
  isGood(endpoint: AddressHost): void {
    this.#current = endpoint;
    this.#left.clear();
    this.#pauses.delete(keyOf(endpoint));
    this.#pauses.delete(endpoint.url);
  }

  /** It was not reached, or cannot serve now. */
  hasFailed(endpoint: AddressHost): void {
    const key = this.#keyOf(endpoint);
    const failures = this.#pauses.get(key)?.failures ?? 0;
    const bound = Math.min(maxPauseMs, firstPauseMs * 2 ** failures);
    this.#passOver(key, { failures: failures + 1, forMs: bound * (0.5 + this.#random.fraction() / 2) });
  }

  /** It is being stopped, and says so. */
  isStopping(endpoint: AddressHost): void {
    this.#passOver(this.#keyOf(endpoint), { failures: 0, forMs: restartMs });
  }

  isPassedOver(endpoint: AddressHost): boolean {
    const untilMs = endpoint.host === undefined ? this.#untilOf(endpoint.url) : this.#pauseOf(endpoint);
    return untilMs > this.#clock.monotonicMs();
  }

  /** Whether there is one that is not passed over and was not left since one was good. */
  hasUntried(): boolean {
    return this.#urls.some((url) => {
      const isUntried = (endpoint: AddressHost) =>
        !this.#left.has(this.#keyOf(endpoint)) && !this.isPassedOver(endpoint) && !this.isPassedOver({ url });
      const hosts = this.#hosts.get(url) ?? [];
      return hosts.length > 1 ? hosts.some((host) => isUntried({ url, host })) : isUntried({ url });
    });
  }

  #passOver(key: string, { failures, forMs }: { readonly failures: number; readonly forMs: number }): void {
    this.#left.add(key);
    this.#pauses.set(key, { failures, untilMs: this.#clock.monotonicMs() + forMs });
    if (this.#current !== undefined && this.#keyOf(this.#current) === key) this.#current = undefined;
  }

  /** A host is one of several, or the address itself. */
  #keyOf({ url, host }: AddressHost): string {
    return keyOf({ url, host: (this.#hosts.get(url)?.length ?? 0) > 1 ? host : undefined });
  }

  #pauseOf(endpoint: AddressHost): number {
    return this.#pauses.get(keyOf(endpoint))?.untilMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Until when an address is passed over: with all of its hosts, or by itself. */
  #untilOf(url: string): number {
    const hosts = this.#hosts.get(url) ?? [];
    const ofHosts = hosts.length < 2 ? [] : [Math.min(...hosts.map((host) => this.#pauseOf({ url, host })))];
    return Math.max(this.#pauseOf({ url }), ...ofHosts);
  }

  /** Those that are not passed over in their order, then the others, soonest first. */
  #bestFirst(all: readonly string[], untilOf: (one: string) => number): readonly string[] {
    const nowMs = this.#clock.monotonicMs();
    const known = all.map((one) => ({ one, untilMs: Math.max(nowMs, untilOf(one)) }));
    return known.toSorted((a, b) => a.untilMs - b.untilMs).map(({ one }) => one);
  }
}

const keyOf = ({ url, host }: AddressHost): string => (host === undefined ? url : `${url} ${host}`);

function shuffled<T>(all: readonly T[], random: Random): readonly T[] {
  return all
    .map((one) => ({ one, at: random.fraction() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
