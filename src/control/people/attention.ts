import { setImmediate as nextTurn } from "node:timers/promises";
import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import { endsSoon, soon } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import { allows, type Person, type Principal } from "../../domain/people/principal.ts";
import type { Run } from "../../domain/runs/run.ts";
import { plannedWords } from "../../lib/words/change-words.ts";
import type { AgentId, OrganizationId, PoolId, WorkspaceId } from "../../lib/words/ids.ts";
import type { AttentionScope, Few, Held, PoolCounts, Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { searchedRows } from "../core/pages.ts";
import { arrivalText } from "../core/presence.ts";

/** What can need somebody, the most urgent first. */
export const attentionKinds = [
  "lost_apply",
  "plan_to_confirm",
  "quarantined_state",
  "pool_without_agents",
  "pool_paused",
  "agent_warning",
  "agent_token_ends",
  "api_key_ends",
  "certificate_ends",
] as const;

export type AttentionKind = (typeof attentionKinds)[number];

export interface AttentionItem {
  /** Empty for what has none. */
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  readonly workspace: string;
  /** One sentence. */
  readonly detail: string;
  /** Since when or, of credentials, until when. */
  readonly at: Date | null;
}

export interface Attention {
  readonly kind: AttentionKind;
  /** Not counted beyond 1000. */
  readonly count: number;
  /** The first of them. */
  readonly items: readonly AttentionItem[];
}

export interface WantedAttention {
  /** Id or name; empty is everything that the caller sees. */
  readonly organization: string;
  /** Of each kind; 0 is 10. */
  readonly limit: number;
}

const defaultLimit = 10;

/** What needs somebody, as far as the caller may see it: kinds of which there is nothing are left out. */
export async function findAttention(
  control: Control,
  who: Principal,
  { organization, limit }: WantedAttention,
): Promise<readonly Attention[]> {
  const person = asPerson(who);
  const organizationId = await control.store.read(async (q) =>
    organization === "" ? person.organizationId : (await findOrganization(q, person, organization)).id,
  );
  demand(person, "read");
  const scope = { organizationId, limit: limit === 0 ? defaultLimit : limit };
  const lost = await heldByEndedRuns(control, scope);
  return control.store.read(async (q) => {
    const names = new Names(q);
    const found = [
      ...(await ofRuns(q, names, { scope, lost })),
      ...(await ofAgents(control, q, { names, scope })),
      await ofTokens(control, q, { names, scope }),
      await ofKeys(control, q, { names, scope, person }),
      ...(person.role === "site_admin" ? ofCertificate(control) : []),
    ];
    return found.filter(({ count }) => count > 0);
  });
}

/** How many there are of each kind on the whole site. */
export async function countAttention(
  control: Control,
): Promise<readonly { readonly kind: AttentionKind; readonly count: number }[]> {
  const scope = { organizationId: null, limit: 0 };
  const period = soon(control.clock.now());
  const lost = await heldByEndedRuns(control, scope);
  return control.store.read(async (q) => {
    const { attention } = q;
    return [
      { kind: "lost_apply", count: lost.count },
      { kind: "plan_to_confirm", count: (await attention.plannedRuns(scope)).count },
      { kind: "quarantined_state", count: (await attention.quarantinedStates(scope)).count },
      { kind: "pool_without_agents", count: (await attention.poolsWithoutAgents(scope)).count },
      { kind: "pool_paused", count: (await attention.pausedPools(scope)).count },
      {
        kind: "agent_warning",
        count: (await attention.warnedAgents(scope)).count + (await troubled(control, q, null)).length,
      },
      { kind: "agent_token_ends", count: (await attention.endingTokens(scope, period)).count },
      { kind: "api_key_ends", count: (await attention.endingKeys(scope, period)).count },
      { kind: "certificate_ends", count: ofCertificate(control).length },
    ];
  });
}

/** As many as are counted. */
const maxCounted = 1_000;

/** Looks through what runs hold in steps, between which others get their turn: most of it is held by what goes on. */
async function heldByEndedRuns({ store }: Pick<Control, "store">, scope: AttentionScope): Promise<Few<Run>> {
  const rows: Run[] = [];
  let count = 0;
  for (let from: Held | null = null; ; ) {
    const wanted: AttentionScope = { ...scope, limit: scope.limit - rows.length };
    const step = await store.read(async ({ attention }) => {
      const to = await attention.heldAfter(scope, { from, rows: searchedRows });
      return { to, found: await attention.heldByEndedRuns(wanted, { from, to }) };
    });
    rows.push(...step.found.rows);
    count += step.found.count;
    if (step.to === null || count >= maxCounted) return { rows, count: Math.min(count, maxCounted) };
    from = step.to;
    await nextTurn();
  }
}

/** Names of organizations and workspaces, each read once. */
class Names {
  readonly #q: Queries;
  readonly #organizations = new Map<OrganizationId, string>();

  constructor(q: Queries) {
    this.#q = q;
  }

  async organization(id: OrganizationId | null): Promise<string> {
    if (id === null) return "";
    const name = this.#organizations.get(id) ?? (await this.#q.organizations.get(id))?.name ?? "";
    this.#organizations.set(id, name);
    return name;
  }

  async workspaces(ids: readonly WorkspaceId[]): Promise<ReadonlyMap<WorkspaceId, string>> {
    return new Map((await this.#q.workspaces.byIds([...new Set(ids)])).map(({ id, name }) => [id, name]));
  }
}

async function ofRuns(
  { attention }: Queries,
  names: Names,
  { scope, lost }: { readonly scope: AttentionScope; readonly lost: Few<Run> },
): Promise<readonly Attention[]> {
  const planned = await attention.plannedRuns(scope);
  const aside = await attention.quarantinedStates(scope);
  const rows = [...lost.rows, ...planned.rows, ...aside.rows];
  const workspaces = await names.workspaces(rows.map(({ workspaceId }) => workspaceId));
  const place = async ({ organizationId, workspaceId }: (typeof rows)[number]) => ({
    organization: await names.organization(organizationId),
    workspace: workspaces.get(workspaceId) ?? "",
  });
  return [
    await shown("lost_apply", lost, async (run) => ({
      id: run.id,
      name: "",
      ...(await place(run)),
      detail: run.errorMessage,
      at: run.endedAt,
    })),
    await shown("plan_to_confirm", planned, async (run) => ({
      id: run.id,
      name: "",
      ...(await place(run)),
      detail: planText(run),
      at: run.statusAt,
    })),
    await shown("quarantined_state", aside, async (state) => ({
      id: state.id,
      name: "",
      ...(await place(state)),
      detail: `serial ${state.serial}: ${state.quarantineReason}`,
      at: state.createdAt,
    })),
  ];
}

function planText({ plannedChanges, options, engine, errorMessage, deniedBy }: Run): string {
  const denied = deniedBy === null ? "" : `the hook ${deniedBy} has denied it: only an owner may confirm it`;
  const found =
    errorMessage !== "" || plannedChanges === null
      ? errorMessage
      : plannedWords(plannedChanges, { isRefreshOnly: options.isRefreshOnly, engine });
  return [found, denied].filter((part) => part !== "").join("; ");
}

/** Most workspaces that are looked for to be counted. */
const maxAssigned = 100;

/** What is the matter with agents that are connected or just arrive, as they or the server see it now. */
function troubles({ presence, clock }: Control): ReadonlyMap<AgentId, string> {
  const connectedAgents = presence
    .everywhere()
    .map((connected) => [connected.agentId, [connected.way.problem, connected.refusal]] as const);
  const blocked = presence.arrivals(clock.monotonicMs()).filter(({ wayProblem }) => wayProblem !== "");
  const arrivals = blocked.map((arrival) => [arrival.agentId, [`it ${arrivalText(arrival)}`]] as const);
  const told = [...connectedAgents, ...arrivals].map(
    ([id, texts]) => [id, texts.filter((text) => text !== "").join("; ")] as const,
  );
  return new Map(told.filter(([, text]) => text !== ""));
}

/** Agents without another warning that are in trouble, by name: why is known only while they are connected. */
async function troubled(
  control: Control,
  q: Queries,
  organizationId: OrganizationId | null,
): Promise<readonly Agent[]> {
  const why = troubles(control);
  const agents = await q.agents.byIds([...why.keys()]);
  return agents
    .filter((agent) => agent.warning === "" && (organizationId === null || agent.organizationId === organizationId))
    .map((agent) => ({ ...agent, warning: why.get(agent.id) ?? "" }))
    .sort(byName);
}

const byName = (one: Agent, other: Agent): number => (one.name < other.name ? -1 : 1);

async function warned(control: Control, q: Queries, scope: AttentionScope): Promise<Few<Agent>> {
  const { rows, count } = await q.attention.warnedAgents(scope);
  const more = await troubled(control, q, scope.organizationId);
  const why = troubles(control);
  const told = rows.map((agent) => {
    const refusal = why.get(agent.id) ?? "";
    return refusal === "" ? agent : { ...agent, warning: `${agent.warning}; ${refusal}` };
  });
  return { rows: [...told, ...more].sort(byName).slice(0, scope.limit), count: count + more.length };
}

interface PoolLook {
  readonly names: Names;
  readonly counts: ReadonlyMap<PoolId, PoolCounts>;
}

const countsOf = async (q: Queries, pools: readonly AgentPool[]): Promise<PoolLook["counts"]> =>
  new Map((await q.pools.counts(pools.map(({ id }) => id))).map((row) => [row.poolId, row]));

/** A pool that gets nothing done, and what waits for it. */
async function poolItem(
  q: Queries,
  { names, counts }: PoolLook,
  { pool: { id, name, organizationId }, why }: { readonly pool: AgentPool; readonly why: string },
): Promise<AttentionItem> {
  const assigned = (await q.pools.assigned(id, maxAssigned)).length;
  const { queuedJobs = 0, oldestQueuedAt = null } = counts.get(id) ?? {};
  const more = assigned === maxAssigned ? " or more" : "";
  const detail = `${why}; workspaces assigned: ${assigned}${more}, jobs that wait: ${queuedJobs}`;
  return {
    id,
    name,
    organization: await names.organization(organizationId),
    workspace: "",
    detail,
    at: oldestQueuedAt,
  };
}

/** How many agents of a pool that takes nothing are named. */
const mostPaused = 3;

async function whyPaused(q: Queries, { id: poolId, organizationId }: AgentPool): Promise<string> {
  const filter = { organizationId, poolId, statuses: ["idle", "busy"], search: "" } as const;
  const agents = await q.agents.list(filter, { after: null, limit: mostPaused + 1 });
  const told = agents.slice(0, mostPaused).map(({ name, isDraining, pauseReason }) => {
    const how = isDraining ? "drains" : "is paused";
    return `${name} ${how}${pauseReason === "" ? "" : ` (${pauseReason})`}`;
  });
  return `no connected agent takes jobs: ${told.join(", ")}${agents.length > mostPaused ? " and others" : ""}`;
}

async function ofAgents(
  control: Control,
  q: Queries,
  { names, scope }: { readonly names: Names; readonly scope: AttentionScope },
): Promise<readonly Attention[]> {
  const empty = await q.attention.poolsWithoutAgents(scope);
  const paused = await q.attention.pausedPools(scope);
  const look = { names, counts: await countsOf(q, [...empty.rows, ...paused.rows]) };
  return [
    await shown("pool_without_agents", empty, (pool) => poolItem(q, look, { pool, why: "no agent is connected" })),
    await shown("pool_paused", paused, async (pool) => poolItem(q, look, { pool, why: await whyPaused(q, pool) })),
    await shown("agent_warning", await warned(control, q, scope), async (agent) => ({
      id: agent.id,
      name: agent.name,
      organization: await names.organization(agent.organizationId),
      workspace: "",
      detail: agent.warning,
      at: null,
    })),
  ];
}

interface Ending {
  readonly names: Names;
  readonly scope: AttentionScope;
}

async function ofTokens({ clock }: Control, q: Queries, { names, scope }: Ending): Promise<Attention> {
  const found = await q.attention.endingTokens(scope, soon(clock.now()));
  return shown("agent_token_ends", found, async (token) => ({
    id: token.id,
    name: token.description,
    organization: await names.organization(token.organizationId),
    workspace: "",
    at: token.expiresAt,
    detail: `admits agents to pool ${(await q.pools.get(token.poolId))?.name ?? ""}`,
  }));
}

async function ofKeys(
  { clock }: Control,
  q: Queries,
  { names, scope, person }: Ending & { readonly person: Person },
): Promise<Attention> {
  const now = clock.now();
  const found = allows(person, "own")
    ? await q.attention.endingKeys(scope, soon(now))
    : ownKey(await q.apiKeys.get(person.id), now);
  return shown("api_key_ends", found, async (key) => ({
    id: key.id,
    name: key.name,
    organization: await names.organization(key.organizationId),
    workspace: "",
    detail: `the key of ${key.role.replace("_", " ")} ${key.name}`,
    at: key.expiresAt,
  }));
}

/** Everybody may know when the own key ends. */
function ownKey(key: ApiKey | undefined, now: Date): Few<ApiKey> {
  const rows = key !== undefined && key.replacedBy === null && endsSoon(key.expiresAt, now) ? [key] : [];
  return { rows, count: rows.length };
}

function ofCertificate({ certificate, clock }: Control): readonly Attention[] {
  const shownNow = certificate?.();
  if (shownNow === undefined || shownNow.endsAt > soon(clock.now()).until) return [];
  const { name, endsAt } = shownNow;
  const detail =
    endsAt > clock.now() ? "the certificate of the server ends" : "the certificate of the server has ended";
  const item = { id: "", name, organization: "", workspace: "", detail, at: endsAt };
  return [{ kind: "certificate_ends", count: 1, items: [item] }];
}

async function shown<T>(
  kind: AttentionKind,
  { rows, count }: Few<T>,
  itemOf: (row: T) => Promise<AttentionItem>,
): Promise<Attention> {
  const items: AttentionItem[] = [];
  for (const row of rows) items.push(await itemOf(row));
  return { kind, count, items };
}
