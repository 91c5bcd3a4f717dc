import { type AgentToken, standingOf } from "../../domain/agents/token.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { Random } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type AgentId, isId, newId, type PoolId } from "../../lib/words/ids.ts";
import { hashToken, mintToken } from "../../lib/words/tokens.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, notFound, type Reference, visible } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { defaultLifetimeMs, endOf } from "../core/lifetimes.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "../core/pages.ts";
import { demandText } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { cancelJob } from "../runs/advance.ts";
import { distrust } from "../runs/distrust.ts";

/** A token as its readers see it. */
export interface TokenView {
  readonly token: AgentToken;
  readonly poolName: string;
  /** Names of agents that registered with it last, the last heard first. */
  readonly agents: readonly string[];
  /** True while it admits agents. */
  readonly isActive: boolean;
}

export interface NewToken {
  readonly pool: Reference;
  readonly description: string;
  /** How long it is good for; null is the default (90 days), 0 is for ever. */
  readonly expiresInMs: number | null;
  readonly requestId?: string | undefined;
}

const maxDescriptionLength = 256;

/** Enough to tell tokens apart: `wdl_agt_4kQ9`. */
const prefixLength = 12;

/** A row for a new token, with its secret, which is nowhere else. */
export function mintAgentToken(
  random: Random,
  facts: Pick<AgentToken, "organizationId" | "poolId" | "description" | "createdBy" | "createdAt" | "expiresAt">,
): { readonly token: AgentToken; readonly secret: string } {
  const secret = mintToken("agt", random);
  const unused = { lastUsedAt: null, lastUsedAddress: "", replacedBy: null, revokedAt: null };
  const plain = { isStopping: false, trust: null };
  const hidden = { hash: hashToken(secret), prefix: secret.slice(0, prefixLength) };
  return { token: { id: newId("atok", random), ...facts, ...hidden, ...unused, ...plain }, secret };
}

/**
 * Creates a token. The secret is in the answer and nowhere else, so that a repeated request is told what the first one
 * made.
 */
export async function createAgentToken(
  control: Control,
  who: Principal,
  { requestId = "", ...body }: NewToken,
): Promise<TokenView & { readonly secret: string }> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, body.pool);
    demand(person, "operate");
    const { organizationId, id: poolId } = pool;
    const { description } = body;
    demandText("description", description, maxDescriptionLength);
    const expiresAt = endOf(at.now, body.expiresInMs ?? defaultLifetimeMs);
    const by = { createdBy: actorOf(person), createdAt: at.now };
    const { token, secret } = mintAgentToken(control.random, { organizationId, poolId, description, expiresAt, ...by });
    const create = async (): Promise<AgentToken> => {
      await tx.tokens.insert(token);
      const detail = { pool: pool.name, description, expires: expiresAt?.toISOString() ?? "never" };
      await record(tx, person, { action: "token.create", resource: token.id, organizationId, detail, at: at.now });
      return token;
    };
    const request = { person, requestId, method: "CreateAgentToken", body, at: at.now };
    await once(tx, request, create, (id) => Promise.reject(madeBefore(requestId, id)));
    return { token, poolName: pool.name, agents: [], isActive: true, secret };
  });
}

const madeBefore = (requestId: string, tokenId: string) =>
  new WindlassError(
    "request_id_reused",
    `this request has made the agent token ${tokenId} before, whose secret cannot be shown again: revoke it, and create another one with a new request_id`,
    { metadata: { request_id: requestId, method: "CreateAgentToken", token_id: tokenId } },
  );

/** Which tokens; an empty pool is every pool of the organization. */
export interface TokenListing {
  readonly organization: string;
  readonly pool: string;
  /** Only trusts, and of these only those that nobody has revoked. */
  readonly onlyTrusts?: boolean | undefined;
  readonly page: PageRequest;
}

/** The tokens of a pool, or of every pool of an organization, newest first; revoked ones too. */
export async function listAgentTokens(
  control: Control,
  who: Principal,
  { organization, pool, onlyTrusts = false, page }: TokenListing,
): Promise<Page<TokenView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const filter = { ...(await tokenFilter(q, person, { organization, name: pool })), onlyTrusts };
    const tokens = await pageByTime(
      page,
      (times) => q.tokens.list(filter, times),
      (row) => row,
    );
    return withRows(tokens, await viewTokens(q, tokens.rows, control.clock.now()));
  });
}

/** A counted part of the tokens of a pool that nobody has revoked, newest first. */
export async function searchAgentTokens(
  control: Control,
  who: Principal,
  { pool, slice }: { readonly pool: Reference; readonly slice: Slice },
): Promise<Sliced<AgentToken>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => q.tokens.slice((await findPool(q, person, pool)).id, slice));
}

/** The token of that id, unless it was revoked. */
export async function getAgentToken(control: Control, who: Principal, id: string): Promise<AgentToken> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read((q) => findUnrevoked(q, person, id));
}

async function findUnrevoked(q: Queries, person: Person, id: string): Promise<AgentToken> {
  const token = await findToken(q, person, id);
  if (token.revokedAt !== null) throw notFound("agent token", id);
  return token;
}

async function tokenFilter(q: Queries, person: Person, { organization, name }: Reference) {
  if (name === "") return { organizationId: (await findOrganization(q, person, organization)).id, poolId: null };
  const pool = await findPool(q, person, { organization, name });
  return { organizationId: pool.organizationId, poolId: pool.id };
}

export interface TokenEnd {
  readonly id: string;
  readonly stopsJobs: boolean;
  /** True: one that was revoked before is not found. */
  readonly isOnce?: boolean | undefined;
}

/**
 * Ends a token for good and disconnects its agents at once. Their running jobs finish on credentials of their own, unless
 * `stopsJobs`. Revoking again changes nothing but may still stop the jobs, unless it is to be done but once.
 */
export async function revokeAgentToken(
  control: Control,
  who: Principal,
  { id, stopsJobs, isOnce = false }: TokenEnd,
): Promise<TokenView> {
  const person = asPerson(who);
  const { view, agentIds } = await change(control, async (tx, at) => {
    const found = await (isOnce ? findUnrevoked : findToken)(tx, person, id);
    demand(person, "operate");
    const { revokedAt, isStopping } = found;
    const token: AgentToken = { ...found, revokedAt: revokedAt ?? at.now, isStopping: isStopping || stopsJobs };
    await tx.tokens.save(token);
    const agents = (await tx.agents.ofToken(token.id)).map((agent) => agent.id);
    for (const agentId of agents) at.touched.add(topics.agent(agentId));
    if (stopsJobs) await stopJobs(tx, at, token, agents);
    const entry = { action: "token.revoke", resource: token.id, organizationId: token.organizationId };
    const detail = { prefix: token.prefix, stop_jobs: String(stopsJobs) };
    await record(tx, person, { ...entry, detail, at: at.now });
    return { view: await viewToken(tx, token, at.now), agentIds: agents };
  });
  for (const agentId of agentIds) {
    control.presence
      .get(agentId)
      ?.close("revoked", `the agent token ${view.token.id} (${view.token.prefix}…) was revoked`);
  }
  return view;
}

/** Cancels what the agents run, and believes no state any more that they still bring. */
async function stopJobs(tx: Queries, at: Change, token: AgentToken, agents: readonly AgentId[]): Promise<void> {
  for (const agentId of agents) {
    for (const job of await tx.jobs.openOfAgent(agentId)) await distrust(tx, job, token.id);
  }
  for (const job of await tx.jobs.ofAgents(agents)) await cancelJob(tx, at, { job, mode: "cancel" });
}

/** The token of that id. */
export async function findToken(q: Queries, person: Person, id: string): Promise<AgentToken> {
  return visible(person, isId("atok", id) ? await q.tokens.get(id) : undefined, "agent token", id);
}

/** How many agents of a token are named. */
const maxAgentsShown = 10;

/** Reads what belongs to tokens, in their order. */
export async function viewTokens(q: Queries, tokens: readonly AgentToken[], now: Date): Promise<readonly TokenView[]> {
  const named = await q.agents.namesOfTokens(
    tokens.map(({ id }) => id),
    maxAgentsShown,
  );
  const agents = Map.groupBy(named, ({ tokenId }) => tokenId);
  const pools = new Map<PoolId, string>();
  const views: TokenView[] = [];
  for (const token of tokens) {
    const poolName = pools.get(token.poolId) ?? (await q.pools.get(token.poolId))?.name ?? "";
    pools.set(token.poolId, poolName);
    const names = (agents.get(token.id) ?? []).map(({ name }) => name);
    views.push({ token, poolName, agents: names, isActive: standingOf(token, now) === "valid" });
  }
  return views;
}

/** Reads what belongs to one token. */
export async function viewToken(q: Queries, token: AgentToken, now: Date): Promise<TokenView> {
  const [view] = await viewTokens(q, [token], now);
  if (view === undefined) throw new WindlassError("internal", `the agent token ${token.id} has no view`);
  return view;
}
