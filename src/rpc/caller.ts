import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Principal } from "../domain/principal.ts";
import { WindlassError } from "../lib/errors.ts";

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
