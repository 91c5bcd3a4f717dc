import type { AgentToken } from "../domain/agent-token.ts";
import type { Person, Principal } from "../domain/principal.ts";
import { isId, newId } from "../lib/ids.ts";
import { hashToken, mintToken } from "../lib/tokens.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization, findPool, type Reference, visible } from "./access.ts";
import { cancelJob, change, type Moment } from "./advance.ts";
import { actorOf, record } from "./audit.ts";
import { type Control, topics } from "./control.ts";
import { invalid } from "./invalid.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "./pages.ts";

/** A token with the name of the pool it admits to. */
export interface TokenView {
  readonly token: AgentToken;
  readonly poolName: string;
}

export interface NewToken {
  readonly pool: Reference;
  readonly description: string;
  /** How long it is good for; null is the default (90 days), 0 is for ever. */
  readonly expiresInMs: number | null;
}

const dayMs = 86_400_000;
const defaultExpiryMs = 90 * dayMs;
const minExpiryMs = 1_000;
const maxExpiryMs = 3650 * dayMs;
/** Enough to tell tokens apart: `wdl_agt_4kQ9`. */
const prefixLength = 12;

/** Creates a token. The secret is in the answer and nowhere else. */
export async function createAgentToken(
  control: Control,
  who: Principal,
  { pool: reference, description, expiresInMs }: NewToken,
): Promise<TokenView & { readonly secret: string }> {
  const person = asPerson(who);
  const lifetimeMs = expiresInMs ?? defaultExpiryMs;
  if (lifetimeMs > 0 && lifetimeMs < minExpiryMs) {
    throw invalid("expires_in", "expected at least one second, or 0 for a token that does not expire");
  }
  if (!(lifetimeMs >= 0 && lifetimeMs <= maxExpiryMs)) {
    throw invalid("expires_in", "expected at most 3650 days, or 0 for a token that does not expire");
  }
  const secret = mintToken("agt", control.random);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, reference);
    demand(person, "operate");
    const token: AgentToken = {
      id: newId("atok", control.random),
      organizationId: pool.organizationId,
      poolId: pool.id,
      description,
      hash: hashToken(secret),
      prefix: secret.slice(0, prefixLength),
      createdBy: actorOf(person),
      createdAt: at.now,
      expiresAt: lifetimeMs === 0 ? null : new Date(at.now.getTime() + lifetimeMs),
      lastUsedAt: null,
      revokedAt: null,
      isStopping: false,
    };
    await tx.tokens.insert(token);
    const detail = { pool: pool.name, description, expires: token.expiresAt?.toISOString() ?? "never" };
    const deed = { action: "token.create", resource: token.id, organizationId: pool.organizationId, detail };
    await record(tx, person, { ...deed, at: at.now });
    return { token, poolName: pool.name, secret };
  });
}

/** The tokens of a pool, or of every pool of an organization, newest first; revoked ones too. */
export async function listAgentTokens(
  control: Control,
  who: Principal,
  { organization, pool, page }: { readonly organization: string; readonly pool: string; readonly page: PageRequest },
): Promise<Page<TokenView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const filter = await tokenFilter(q, person, { organization, name: pool });
    const tokens = await pageByTime(
      page,
      (times) => q.tokens.list(filter, times),
      (row) => row,
    );
    const views: TokenView[] = [];
    for (const token of tokens.rows) views.push(await viewToken(q, token));
    return withRows(tokens, views);
  });
}

async function tokenFilter(q: Queries, person: Person, { organization, name }: Reference) {
  if (name === "") return { organizationId: (await findOrganization(q, person, organization)).id, poolId: null };
  const pool = await findPool(q, person, { organization, name });
  return { organizationId: pool.organizationId, poolId: pool.id };
}

/**
 * Ends a token for good and disconnects its agents at once. Their running jobs finish on credentials of their own, unless
 * `stopsJobs`. Revoking again changes nothing but may still stop the jobs.
 */
export async function revokeAgentToken(
  control: Control,
  who: Principal,
  { id, stopsJobs }: { readonly id: string; readonly stopsJobs: boolean },
): Promise<TokenView> {
  const person = asPerson(who);
  const { view, agentIds } = await change(control, async (tx, at) => {
    const found = visible(person, isId("atok", id) ? await tx.tokens.get(id) : undefined, "agent token", id);
    demand(person, "operate");
    const { revokedAt, isStopping } = found;
    const token: AgentToken = { ...found, revokedAt: revokedAt ?? at.now, isStopping: isStopping || stopsJobs };
    await tx.tokens.save(token);
    const agents = (await tx.agents.ofToken(token.id)).map((agent) => agent.id);
    for (const agentId of agents) at.touched.add(topics.agent(agentId));
    if (stopsJobs) await stopJobs(tx, at, agents);
    const deed = { action: "token.revoke", resource: token.id, organizationId: token.organizationId };
    const detail = { prefix: token.prefix, stop_jobs: String(stopsJobs) };
    await record(tx, person, { ...deed, detail, at: at.now });
    return { view: await viewToken(tx, token), agentIds: agents };
  });
  for (const agentId of agentIds) {
    control.presence
      .get(agentId)
      ?.close("revoked", `the agent token ${view.token.id} (${view.token.prefix}…) was revoked`);
  }
  return view;
}

async function stopJobs(tx: Queries, at: Moment, agentIds: Parameters<Queries["jobs"]["ofAgents"]>[0]): Promise<void> {
  for (const job of await tx.jobs.ofAgents(agentIds)) await cancelJob(tx, at, { job, mode: "cancel" });
}

async function viewToken(q: Queries, token: AgentToken): Promise<TokenView> {
  return { token, poolName: (await q.pools.get(token.poolId))?.name ?? "" };
}
