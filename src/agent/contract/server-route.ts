import type { AddressHost, Endpoints } from "../../lib/way/endpoints.ts";
import type { SeveralTransport } from "../../lib/way/several.ts";

/** Which control plane an agent calls, where there may be several. */
export interface ServerRoute {
  /** The address that is called; undefined before the first call, and where there is only one. */
  readonly address: string | undefined;
  /** The present one has let the agent in: all calls go there. */
  stay(): void;
  /** The present one is left, and the next calls go to another. True if there is one that was not tried since the last stay. */
  leave(why: "failed" | "stopping"): boolean;
  /** Ends the connections, on which the server is not heard: the next calls dial. */
  hangUp(): void;
}

/** The session's transport decides, and what carries transfers follows it. */
export function serverRoute(
  endpoints: Endpoints,
  { session, transfers }: { readonly session: SeveralTransport; readonly transfers: SeveralTransport },
): ServerRoute {
  const note = (tell: (endpoint: AddressHost) => void) => {
    if (session.endpoint !== undefined) tell(session.endpoint);
  };
  return {
    get address() {
      return endpoints.count > 1 ? session.endpoint?.url : undefined;
    },
    stay: () => note((endpoint) => endpoints.isGood(endpoint)),
    leave: (why) => {
      note((endpoint) => (why === "failed" ? endpoints.hasFailed(endpoint) : endpoints.isStopping(endpoint)));
      const isElsewhere = endpoints.hasUntried();
      // With one place to go the connection there is, or dials, as ever.
      if (isElsewhere) session.leave();
      return isElsewhere;
    },
    hangUp: () => {
      session.hangUp();
      transfers.hangUp();
    },
  };
}
