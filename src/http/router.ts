import { breakOff } from "./drain.ts";
import { notFound } from "./pages.ts";
import type { HttpExchange, Tenant, TenantHandler, TenantPlace } from "./tenant.ts";

/** A tenant and where it is: `{ prefix: "/api/v2", tenant }`. The prefix has no slash at its end; empty is the root. */
export interface MountedTenant {
  readonly prefix: string;
  readonly tenant: Tenant;
}

/**
 * Asks the tenants below whose prefix a path lies, the longest prefix first and otherwise in their order, until one answers.
 * What nobody answers is a 404 in JSON. Never rejects.
 */
export function routeTo(
  mounted: readonly MountedTenant[],
  place: Omit<TenantPlace, "prefix">,
): (exchange: HttpExchange) => Promise<void> {
  const handlers = mounted
    .map(({ prefix, tenant }) => ({ prefix, handle: tenant({ ...place, prefix }) }))
    .toSorted((one, other) => other.prefix.length - one.prefix.length);
  return async (exchange) => {
    try {
      if (!(await isAnswered(handlers, exchange))) notFound(exchange);
    } catch (error) {
      place.log.error({ err: error, path: exchange.path }, "a request could not be answered");
      breakOff(exchange.response);
    }
  };
}

async function isAnswered(
  handlers: readonly { readonly prefix: string; readonly handle: TenantHandler }[],
  exchange: HttpExchange,
): Promise<boolean> {
  for (const { prefix, handle } of handlers) {
    if (isBelow(exchange.path, prefix) && (await handle(exchange)) === "answered") return true;
  }
  return false;
}

const isBelow = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);
