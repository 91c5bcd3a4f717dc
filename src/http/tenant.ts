import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/program/log.ts";
import type { HttpRequest, HttpResponse } from "./messages.ts";

/**
 * One who answers requests on the port: given the place at which it is mounted, it makes the function that answers. Tenants
 * know nothing of each other.
 */
export type Tenant = (place: TenantPlace) => TenantHandler;

export interface TenantPlace {
  /** What its paths begin with, without a slash at the end; empty is the root. */
  readonly prefix: string;
  /** Aborted when the port closes, with the `server_draining` that open streams are told. */
  readonly shutdown: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
}

/** Answers a request, or leaves it untouched for the next tenant. What it rejects with is a fault of the server. */
export type TenantHandler = (exchange: HttpExchange) => Promise<"answered" | "not-mine">;

/** A request, its answer, and what the port knows of who makes it. */
export interface HttpExchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  /** With the tenant's prefix and without the query. */
  readonly path: string;
  /** How the caller reaches this server: scheme, host and what stands before the path. */
  readonly origin: string;
  /** Where the request comes from, behind the trusted proxies; empty if its connection is over. */
  readonly address: string;
  /** To be called when a credential was accepted: the connection may rest longer. */
  readonly recognize: () => void;
}

/**
 * One who answers streams of HTTP/2 as they come, before anybody makes a request of them: that costs a tenth. What is not
 * its is left untouched, and becomes a request like any other.
 */
export type StreamTenant = (place: TenantPlace) => (exchange: StreamExchange) => "answered" | "not-mine";

/** A stream, and what the port knows of who has opened it. */
export interface StreamExchange {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** With the tenant's prefix and without the query. */
  readonly path: string;
  /** Where it comes from, behind the trusted proxies; empty if its connection is over. */
  readonly address: () => string;
  /** To be called when a credential was accepted: the connection may rest longer. */
  readonly recognize: () => void;
}
