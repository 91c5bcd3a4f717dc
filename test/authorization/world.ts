import type { Interceptor, Transport } from "@connectrpc/connect";
import type { Control } from "../../src/control/core/control.ts";
import { createApiKey } from "../../src/control/people/api-keys.ts";
import { Liveness } from "../../src/control/sessions/liveness.ts";
import type { Role } from "../../src/domain/people/api-key.ts";
import type { CallerOptions } from "../../src/http/callers/callers.ts";
import { Readiness } from "../../src/http/readiness.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { OrganizationId } from "../../src/lib/words/ids.ts";
import { hashToken, mintToken } from "../../src/lib/words/tokens.ts";
import { remoteAddressKey } from "../../src/rpc/calls/caller.ts";
import type { Routes } from "../../src/rpc/calls/options.ts";
import { inProcessTransport } from "../../src/rpc/in-process.ts";
import { interceptorsFor } from "../../src/rpc/interceptors.ts";
import { routesOf } from "../../src/server/routes.ts";
import { openTestControl } from "../support/control.ts";
import { memoryBlobs } from "../support/memory-blobs.ts";
import { type AgentSide, fillPlace, gonePlace, type Place } from "./place.ts";

/** People by their keys: what they may do, and where. */
export const people = {
  "site admin": { role: "site_admin", home: "site" },
  owner: { role: "owner", home: "own" },
  operator: { role: "operator", home: "own" },
  planner: { role: "planner", home: "own" },
  reader: { role: "reader", home: "own" },
  "owner of the sibling": { role: "owner", home: "sibling organization" },
} as const satisfies Readonly<Record<string, { readonly role: Role; readonly home: string }>>;

/** Credentials that are good no longer, or never were; what each is told. */
export const outsiders = {
  "expired key": "TOKEN_EXPIRED",
  "revoked key": "TOKEN_REVOKED",
  "expired agent token": "TOKEN_EXPIRED",
  "revoked agent token": "TOKEN_REVOKED",
  "job token of an earlier epoch": "TOKEN_INVALID",
  "key of nobody": "TOKEN_INVALID",
  nobody: "TOKEN_INVALID",
} as const;

/** Programs: agents and their jobs. */
export const programs = [
  "agent token",
  "agent token of the sibling pool",
  "server agent",
  "agent session",
  "agent session of the sibling pool",
  "token of a plan",
  "token of an apply",
  "token of a plan of the sibling pool",
] as const;

export type PersonName = keyof typeof people;
export type OutsiderName = keyof typeof outsiders;
export type ProgramName = (typeof programs)[number];
export type PrincipalName = PersonName | OutsiderName | ProgramName;

/** Where the thing is that a call names, seen from the people of the first organization. */
export const wheres = ["own", "sibling pool", "sibling organization", "deleted"] as const;
export type Where = (typeof wheres)[number];

export interface World extends AsyncDisposable {
  readonly control: Control;
  readonly transport: Transport;
  /** To serve the same on a port. */
  readonly routes: Routes;
  readonly callers: CallerOptions;
  /** Secrets. */
  readonly credentials: Readonly<Record<PrincipalName, string>>;
  readonly agents: { readonly own: AgentSide; readonly siblingPool: AgentSide };
  readonly places: Readonly<Record<Where, Place>>;
  /** The same place with other rows, for a call that changes them. */
  fresh(where: Where): Promise<Place>;
}

/** A control plane behind the real services and interceptors, in this process. */
/** Where all its callers are. */
export const worldAddress = "203.0.113.9";

const fromAfar: Interceptor = (next) => (request) => {
  request.contextValues.set(remoteAddressKey, worldAddress);
  return next(request);
};

export async function openWorld(): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const fixture = opening.use(await openTestControl({ hasLogs: true }));
  const control = { ...fixture.control, blobs: memoryBlobs() };
  const serverToken = mintToken("agt", systemRandom);
  const routes = routesOf({
    ...{ control, liveness: new Liveness(), generation: "1" },
    ...{ readiness: new Readiness(), hasReflection: true },
  });
  const callers = { serverAgentTokenHash: hashToken(serverToken) };
  const interceptors = interceptorsFor(control, callers);
  const organizations = { own: fixture.organization, "sibling pool": fixture.organization };
  const filled = {
    own: await fillPlace(control, organizations.own),
    "sibling pool": await fillPlace(control, organizations["sibling pool"]),
    "sibling organization": await fillPlace(control, fixture.sibling),
  };
  const keyOf = async (role: Role, organizationId: OrganizationId | null) =>
    createApiKey(control, { name: `a ${role}`, role, organizationId });
  const homes = { site: null, own: fixture.organization.id, "sibling organization": fixture.sibling.id };
  const personKeys: Record<string, string> = {};
  for (const [name, { role, home }] of Object.entries(people)) {
    personKeys[name] = (await keyOf(role, homes[home])).secret;
  }
  const ended = { expired: await keyOf("owner", homes.own), revoked: await keyOf("owner", homes.own) };
  const agentEnds = { expired: mintToken("agt", systemRandom), revoked: mintToken("agt", systemRandom) };
  await control.store.write(async (tx) => {
    const now = control.clock.now();
    await tx.apiKeys.save({ ...ended.expired.key, expiresAt: now });
    await tx.apiKeys.save({ ...ended.revoked.key, revokedAt: now });
    const token = await tx.tokens.get(filled.own.place.agentToken as never);
    if (token === undefined) throw new Error("the place has no agent token");
    const [expired, revoked] = [hashToken(agentEnds.expired), hashToken(agentEnds.revoked)];
    await tx.tokens.insert({ ...token, id: "atok_expired", hash: expired, expiresAt: now });
    await tx.tokens.insert({ ...token, id: "atok_revoked", hash: revoked, revokedAt: now });
  });
  const { own, "sibling pool": siblingPool } = filled;
  const owned = opening.move();
  return {
    control,
    ...{ routes, callers },
    transport: inProcessTransport({ routes, interceptors: [fromAfar, ...interceptors] }),
    credentials: {
      ...(personKeys as Record<PersonName, string>),
      "expired key": ended.expired.secret,
      "revoked key": ended.revoked.secret,
      "expired agent token": agentEnds.expired,
      "revoked agent token": agentEnds.revoked,
      "job token of an earlier epoch": mintToken("job", systemRandom),
      "key of nobody": mintToken("usr", systemRandom),
      nobody: "",
      "agent token": own.agents.poolToken,
      "agent token of the sibling pool": siblingPool.agents.poolToken,
      "server agent": serverToken,
      "agent session": own.agents.sessionToken,
      "agent session of the sibling pool": siblingPool.agents.sessionToken,
      "token of a plan": own.agents.planToken,
      "token of an apply": own.agents.applyToken,
      "token of a plan of the sibling pool": siblingPool.agents.planToken,
    },
    agents: { own: own.agents, siblingPool: siblingPool.agents },
    places: {
      ...{ own: own.place, "sibling pool": siblingPool.place },
      ...{ "sibling organization": filled["sibling organization"].place, deleted: gonePlace() },
    },
    fresh: async (where) => {
      if (where === "deleted") return gonePlace();
      const organization = where === "sibling organization" ? fixture.sibling : fixture.organization;
      return (await fillPlace(control, organization)).place;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
