import {
  type Listener,
  type ListenOptions,
  type ListenOutcome,
  listen as listenWith,
} from "../../src/http/listener.ts";
import { OpenStreams } from "../../src/http/open-streams.ts";
import { healthPages } from "../../src/http/pages.ts";
import { Readiness } from "../../src/http/readiness.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { rpcTenant } from "../../src/rpc/adapter.ts";
import type { RpcOptions } from "../../src/rpc/calls/options.ts";
import { grpcTenant } from "../../src/rpc/grpc/tenant.ts";

export type { Listener, ProxyTrust } from "../../src/http/listener.ts";

/** A port that serves calls and the health pages, as the server's does. */
export interface RpcListenOptions extends Omit<ListenOptions, "tenants">, RpcOptions {
  readonly readiness: Readiness;
}

/** Opens a port for calls, or says why that cannot be. */
export const listen = ({
  readiness,
  routes,
  interceptors,
  gate,
  refuse,
  ...options
}: RpcListenOptions): Promise<ListenOutcome> => {
  const served = { routes, interceptors, gate, refuse, open: new OpenStreams() };
  return listenWith({
    ...options,
    streams: grpcTenant(served),
    tenants: [
      { prefix: "", tenant: rpcTenant(served) },
      { prefix: "", tenant: healthPages(readiness) },
    ],
  });
};

/** Opens a port of this machine for calls, which says nothing of them. */
export async function listenFor(routes: RpcListenOptions["routes"]): Promise<Listener> {
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: silentLog() },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  return opened.listener;
}
