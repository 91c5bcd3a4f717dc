import { isIP } from "node:net";
import { type Clock, systemClock } from "../clock.ts";
import type { Environment } from "../environment.ts";
import { WindlassError } from "../words/errors.ts";
import type { Endpoints } from "./endpoints.ts";
import { chooseProxy, type ProxyChoice } from "./proxy.ts";
import { type ServerAddress, serverAddress } from "./server-address.ts";

/** How a client trusts and shows itself, all in PEM. */
export interface ClientTls {
  /** Whom alone to trust; without it, the authorities of the system. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name the server's certificate must bear, when it is not the host dialled. */
  readonly serverName?: string | undefined;
  /** Takes any certificate of the server. */
  readonly isInsecure?: boolean | undefined;
}

export interface WayOptions {
  readonly tls?: ClientTls | undefined;
  /**
   * Names the proxy and the authorities of the system; without it there is no proxy, and the system's own authorities
   * are trusted.
   */
  readonly environment?: Environment | undefined;
  readonly clock?: Clock | undefined;
  /** How long each step may take, 10 s if absent. */
  readonly stepMs?: number | undefined;
  /** Which of the hosts behind its name is tried first; the order of the system if absent. */
  readonly endpoints?: Endpoints | undefined;
}

/** The way to a server: settled once, gone by each connection. */
export interface Way {
  /** As it was given, for people. */
  readonly url: string;
  readonly server: ServerAddress;
  readonly tls: ClientTls;
  /** What the certificate must be for. */
  readonly expectedName: string;
  readonly proxy: ProxyChoice;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly stepMs: number;
  readonly endpoints: Endpoints | undefined;
}

/** Settles the way to `http://host:port` or `https://host[:port]`. Refuses anything else (`validation`). */
export function wayTo(
  url: string,
  { tls = {}, environment = {}, clock = systemClock, stepMs = 10_000, endpoints }: WayOptions,
): Way {
  const server = serverAddress(url);
  if (server === undefined) {
    throw new WindlassError("validation", `expected an address such as https://tf.example.com, got ${url}`);
  }
  const proxy = chooseProxy(server, environment);
  const expectedName = tls.serverName ?? server.host;
  return { url, server, tls, expectedName, proxy, environment, clock, stepMs, endpoints };
}

/** What to name in SNI, which has no addresses; undefined is none. */
export const sniOf = (name: string): string | undefined => (isIP(name) === 0 ? name : undefined);
