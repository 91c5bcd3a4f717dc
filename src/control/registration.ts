import type { Agent } from "../domain/agent.ts";
import type { AgentPool } from "../domain/agent-pool.ts";
import type { Organization } from "../domain/organization.ts";
import type { Principal } from "../domain/principal.ts";
import { isWindlassError, WindlassError } from "../lib/errors.ts";
import { type AgentTokenId, newId, type OrganizationId, type PoolId } from "../lib/ids.ts";
import { hashToken, mintToken } from "../lib/tokens.ts";
import type { Queries } from "../store/ports.ts";
import { record } from "./audit.ts";
import { type Control, topics } from "./control.ts";

/** The agent protocols this server speaks. */
export const protocolRange = { minimum: 1, maximum: 1 } as const;

/** What an agent says of itself. Its pool is not among it: that comes from the token. */
export interface Introduction {
  readonly incarnation: string;
  readonly bootId: string;
  readonly name: string;
  readonly version: string;
  readonly minimumProtocol: number;
  readonly maximumProtocol: number;
  readonly os: string;
  readonly arch: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly concurrency: number;
  readonly sandbox: string;
  readonly address: string;
}

export interface Registration {
  readonly agent: Agent;
  readonly sessionToken: string;
  readonly pool: AgentPool | null;
  readonly organization: Organization | null;
  readonly protocol: number;
}

interface Place {
  readonly pool: AgentPool | null;
  readonly organization: Organization | null;
  readonly tokenId: AgentTokenId | null;
}

/** Registers an agent or finds it again. The same disk in the same pool is the same agent. */
export async function registerAgent(control: Control, who: Principal, said: Introduction): Promise<Registration> {
  const protocol = agreeOnProtocol(said);
  const now = control.clock.now();
  const sessionToken = mintToken("ses", control.random);
  const register = control.store.write(async (tx): Promise<Registration> => {
    const place = await placeOf(tx, who);
    const known = await tx.agents.byIncarnation(place.pool?.id ?? null, said.incarnation);
    if (known !== undefined) refuseClone(control, known, said);
    if (place.organization !== null && (known === undefined || !isCounted(known)))
      await refuseOverLimit(tx, place.organization);
    const agent = introduce({ control, said, place, known, now, sessionToken });
    if (known === undefined) {
      await tx.agents.insert(agent);
      const detail = { name: agent.name, address: agent.address };
      await record(tx, "system", {
        at: now,
        action: "agent.register",
        resource: agent.id,
        organizationId: agent.organizationId,
        detail,
      });
    } else await tx.agents.save(agent);
    if (place.tokenId !== null) {
      const use = { at: now, ifBefore: new Date(now.getTime() - 60_000), address: said.address };
      await tx.tokens.touch(place.tokenId, use);
    }
    return { agent, sessionToken, pool: place.pool, organization: place.organization, protocol };
  });
  const registered = await register.catch((error: unknown) => {
    if (isWindlassError(error, "already_connected")) tellOperators(control, error, said);
    throw error;
  });
  control.wake.notify(topics.agents);
  return registered;
}

function agreeOnProtocol({ minimumProtocol, maximumProtocol, version }: Introduction): number {
  const protocol = Math.min(maximumProtocol, protocolRange.maximum);
  if (protocol >= Math.max(minimumProtocol, protocolRange.minimum)) return protocol;
  throw new WindlassError(
    "agent_version_refused",
    `windlass-agent ${version} speaks the agent protocols ${minimumProtocol} to ${maximumProtocol}, this server ${protocolRange.minimum} to ${protocolRange.maximum}: install an agent of the server's version`,
    { metadata: { minimum_protocol: String(protocolRange.minimum), maximum_protocol: String(protocolRange.maximum) } },
  );
}

async function placeOf(tx: Queries, who: Principal): Promise<Place> {
  if (who.kind === "server_agent") return { pool: null, organization: null, tokenId: null };
  if (who.kind !== "agent_token") {
    throw new WindlassError(
      "permission_denied",
      "agents register with an agent token (wdl_agt_…): create one for the pool with `windlass token create`",
      {
        metadata: { action: "register" },
      },
    );
  }
  const pool = await tx.pools.get(who.poolId satisfies PoolId);
  const organization = await tx.organizations.get(who.organizationId satisfies OrganizationId);
  if (pool === undefined || organization === undefined)
    throw new WindlassError(
      "token_invalid",
      "the pool of this agent token was deleted: create a token for another pool",
    );
  return { pool, organization, tokenId: who.id };
}

/** Two live processes with one disk: the newcomer waits, and operators are told. Silent for one interval is not live. */
export function refuseClone(
  { presence, clock, timing }: Control,
  known: Agent,
  said: { readonly bootId: string },
): void {
  const seat = presence.get(known.id);
  if (seat === undefined || seat.bootId === said.bootId) return;
  const silentMs = clock.monotonicMs() - seat.heardAtMs;
  const patienceMs = timing.heartbeatMs * 1.5;
  if (silentMs > patienceMs) return;
  throw new WindlassError(
    "already_connected",
    `agent ${known.name} (${known.id}) is already connected from ${known.address} with this data directory: give each agent its own. If the other process has just ended, this one is let in within ${Math.ceil(patienceMs / 1000)} s`,
    { metadata: { agent: known.id, address: known.address }, retryAfterMs: Math.max(1_000, patienceMs - silentMs) },
  );
}

function tellOperators({ presence, log }: Control, error: WindlassError, said: Introduction): void {
  const agentId = error.metadata.agent ?? "";
  log.warn(
    { agentId, address: said.address, bootId: said.bootId },
    "two agents share one identity: the second one is refused",
  );
  const seat = presence.all().find((candidate) => candidate.agentId === agentId);
  seat?.warn(
    `a second process with this identity tried to connect from ${said.address}: two agents must not share a data directory`,
  );
}

const isCounted = ({ status }: Agent): boolean => status === "idle" || status === "busy" || status === "unknown";

async function refuseOverLimit(tx: Queries, organization: Organization): Promise<void> {
  if (organization.maxAgents === 0) return;
  const connected = await tx.agents.countConnected(organization.id);
  if (connected < organization.maxAgents) return;
  throw new WindlassError(
    "agent_limit_reached",
    `organization ${organization.name} may have ${organization.maxAgents} agents connected at once, and has ${connected}: stop one, or raise the limit`,
    { metadata: { limit: String(organization.maxAgents) }, retryAfterMs: 60_000 },
  );
}

interface Facts {
  readonly control: Control;
  readonly said: Introduction;
  readonly place: Place;
  readonly known: Agent | undefined;
  readonly now: Date;
  readonly sessionToken: string;
}

function introduce({ control, said, place, known, now, sessionToken }: Facts): Agent {
  // A new process starts afresh: draining was the wish for the old one.
  const isDraining = known?.bootId === said.bootId ? known.isDraining : false;
  const isPaused = known?.isPaused ?? false;
  return {
    id: known?.id ?? newId("agent", control.random),
    organizationId: place.organization?.id ?? null,
    poolId: place.pool?.id ?? null,
    tokenId: place.tokenId,
    incarnation: said.incarnation,
    bootId: said.bootId,
    sessionEpoch: known?.sessionEpoch ?? 0,
    sessionTokenHash: hashToken(sessionToken),
    name: said.name,
    version: said.version,
    os: said.os,
    arch: said.arch,
    labels: said.labels,
    address: said.address,
    concurrency: said.concurrency,
    sandbox: said.sandbox,
    status: known?.status === "busy" ? "busy" : "idle",
    isPaused,
    isDraining,
    pauseReason: isPaused || isDraining ? (known?.pauseReason ?? "") : "",
    connectedTo: known?.connectedTo ?? "",
    warning: "",
    createdAt: known?.createdAt ?? now,
    lastSeenAt: now,
  };
}
