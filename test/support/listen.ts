import { type ListenOptions, type ListenOutcome, listen as listenWith } from "../../src/http/listener.ts";
import { healthPages } from "../../src/http/pages.ts";
import type { Readiness } from "../../src/http/readiness.ts";
import { type RpcOptions, rpcTenant } from "../../src/rpc/adapter.ts";

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
  ...options
}: RpcListenOptions): Promise<ListenOutcome> =>
  listenWith({
    ...options,
    tenants: [
      { prefix: "", tenant: rpcTenant({ routes, interceptors, gate }) },
      { prefix: "", tenant: healthPages(readiness) },
    ],
  });
