import { type ContextValues, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** Who calls, derived from the verified credential; undefined where no credential is asked for. */
export const principalKey = createContextKey<Principal | undefined>(undefined, { description: "who calls" });

/** The id of this call: the caller's `x-request-id`, or a new one. */
export const requestIdKey = createContextKey("", { description: "id of the call" });

/** Who calls. */
export function callerOf(context: Pick<HandlerContext, "values" | "method">): Principal {
  const principal = context.values.get(principalKey);
  if (principal === undefined)
    throw new WindlassError("internal", `${context.method.name} was called without a principal`);
  return principal;
}

/**
 * Where a call comes from, `10.1.2.3` or `fe80::1`, behind the trusted proxies; empty in the same process. For display and
 * limits, never for trust.
 */
export const remoteAddressKey = createContextKey("", { description: "address of the caller" });

/** How the caller reaches this server: `https://windlass.example.com`; empty in the same process. */
export const originKey = createContextKey("", { description: "origin of the server" });

/**
 * The version of HTTP in which a call has reached this process, `2.0`; empty in the same process. A proxy may have
 * changed it.
 */
export const httpVersionKey = createContextKey("", { description: "version of HTTP" });

/** True if the call came as no two-way stream could: over HTTP/1.x. */
export const isHttp1 = (version: string): boolean => version.startsWith("1.");

/** Notes that a credential was accepted on the caller's connection; does nothing in the same process. */
export const knownKey = createContextKey<() => void>(() => {}, { description: "a credential was accepted" });

/** Cuts off the caller of a call on its connection; does nothing in the same process. */
export const cutKey = createContextKey<() => void>(() => {}, { description: "cuts the caller off" });

/**
 * True if the next message of an answer is asked for only when the one before it is sent, to its last byte, or nobody sends it any
 * more: messages that come later may use its memory.
 */
export const sendsInTurnKey = createContextKey(false, { description: "messages are sent one after the other" });

/** Whose calls are counted together where something is shared out: those of a credential, or of an address without one. */
export function callerName(values: ContextValues): string {
  const who = values.get(principalKey);
  switch (who?.kind) {
    case undefined:
      return values.get(remoteAddressKey);
    case "job":
      return who.jobId;
    case "agent_session":
      return who.agentId;
    case "server_agent":
      return who.kind;
    case "api_key":
    case "agent_token":
      return who.id;
  }
}
