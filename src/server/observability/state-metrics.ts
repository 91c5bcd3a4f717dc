import { Gauge, type Registry } from "prom-client";
import type { Control } from "../../control/core/control.ts";
import type { PresentAgent } from "../../control/core/presence.ts";
import { type AttentionKind, countAttention } from "../../control/people/attention.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { PoolCounts, Queries } from "../../store/ports/store.ts";

/** More pools than this are left out: a scrape must stay cheap. */
const maxPools = 1_000;

/** Makes the gauges that are read from the database and from memory; the answer fills them, before each scrape. */
export function stateMetrics(registry: Registry, control: Control): () => Promise<void> {
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
  const connected = gauge("windlass_connected_agents", "Agents with a stream to this process", []);
  const replicas = gauge("windlass_replicas", "Processes that serve this database, by state: alive, lost", ["state"]);
  const pool = ["organization", "pool"];
  const gauges: Gauges = {
    jobs: gauge("windlass_jobs", "Jobs by status, those of remote workspaces included", ["status"]),
    poolAgents: gauge("windlass_pool_agents", "Agents of a pool by status", [...pool, "status"]),
    poolJobs: gauge("windlass_pool_jobs", "Jobs of a pool: queued, running", [...pool, "state"]),
    kept: gauge(
      "windlass_kept_directories",
      "Directories of jobs that agents keep, because something could not be delivered",
      pool,
    ),
    toDecide: gauge(
      "windlass_runs_to_decide",
      "Runs that stand still until somebody decides: plans to confirm, and lost applies that hold their workspace",
      ["reason"],
    ),
    aside: gauge("windlass_quarantined_states", "States that were kept aside", []),
    ending: gauge("windlass_credentials_ending", "What ends within two weeks: tokens, keys, the certificate", ["kind"]),
    withoutAgents: gauge(
      "windlass_pools_without_agents",
      "Pools without a connected agent that workspaces are assigned to or jobs wait for",
      [],
    ),
    pausedPools: gauge(
      "windlass_pools_paused",
      "Pools that are needed and whose connected agents are all paused or draining",
      [],
    ),
    versions: gauge("windlass_pool_agents_by_version", "Connected agents of a pool by the version of their program", [
      ...pool,
      "version",
    ]),
    warned: gauge("windlass_agents_with_warnings", "Connected agents with a warning", []),
    refusing: gauge(
      "windlass_refusing_agents",
      "Connected agents of a pool that take no jobs: their disk is full, or they have just declined one",
      pool,
    ),
    oldestWait: gauge("windlass_pool_oldest_wait_seconds", "Age of the oldest queued job of a pool; 0 if none", pool),
  };
  return async () => {
    connected.set(control.presence.all().length);
    await showReplicas(replicas, control);
    const found = await control.store.read(readState);
    const needs = await countAttention(control);
    for (const each of Object.values(gauges)) each.reset();
    show(gauges, found, control.clock.now());
    showNeeds(gauges, new Map(needs.map(({ kind, count }) => [kind, count])));
    showRefusing(gauges, found, control.presence.everywhere());
    showVersions(gauges, found, control.presence.everywhere());
  };
}

async function showReplicas(gauge: Gauge, { store, replicas }: Control): Promise<void> {
  const rows = store.engine === "sqlite" ? [] : await store.read((q) => q.replicas.all());
  gauge.set({ state: "alive" }, replicas.others.length + 1);
  gauge.set({ state: "lost" }, rows.filter(({ lostAt }) => lostAt !== null).length);
}

interface Gauges {
  readonly jobs: Gauge;
  readonly poolAgents: Gauge;
  readonly poolJobs: Gauge;
  readonly kept: Gauge;
  readonly refusing: Gauge;
  readonly oldestWait: Gauge;
  readonly toDecide: Gauge;
  readonly aside: Gauge;
  readonly ending: Gauge;
  readonly withoutAgents: Gauge;
  readonly pausedPools: Gauge;
  readonly warned: Gauge;
  readonly versions: Gauge;
}

function showNeeds(gauges: Gauges, needs: ReadonlyMap<AttentionKind, number>): void {
  const of = (kind: AttentionKind) => needs.get(kind) ?? 0;
  gauges.toDecide.set({ reason: "confirmation" }, of("plan_to_confirm"));
  gauges.toDecide.set({ reason: "lost_apply" }, of("lost_apply"));
  gauges.aside.set(of("quarantined_state"));
  gauges.ending.set({ kind: "agent_token" }, of("agent_token_ends"));
  gauges.ending.set({ kind: "api_key" }, of("api_key_ends"));
  gauges.ending.set({ kind: "certificate" }, of("certificate_ends"));
  gauges.withoutAgents.set(of("pool_without_agents"));
  gauges.pausedPools.set(of("pool_paused"));
  gauges.warned.set(of("agent_warning"));
}

interface State {
  readonly jobs: Awaited<ReturnType<Queries["jobs"]["countByStatus"]>>;
  readonly pools: readonly { readonly organization: Organization; readonly pool: AgentPool }[];
  readonly counts: readonly PoolCounts[];
  /** By the pool of the agents; null is the server agent. */
  readonly kept: ReadonlyMap<PoolId | null, number>;
}

async function readState(q: Queries): Promise<State> {
  const pools: { organization: Organization; pool: AgentPool }[] = [];
  for (const organization of await q.organizations.list({ after: null, limit: maxPools })) {
    if (pools.length >= maxPools) break;
    const page = { after: null, limit: maxPools - pools.length };
    for (const pool of await q.pools.list(organization.id, page)) pools.push({ organization, pool });
  }
  const counts = await q.pools.counts(pools.map(({ pool }) => pool.id));
  return { jobs: await q.jobs.countByStatus(), pools, counts, kept: await q.agents.countKept() };
}

function showRefusing(
  { refusing }: Gauges,
  { pools }: Pick<State, "pools">,
  connectedAgents: readonly PresentAgent[],
): void {
  const refused = Map.groupBy(
    connectedAgents.filter(({ refusal }) => refusal !== ""),
    ({ poolId }) => poolId,
  );
  refusing.set({ organization: "", pool: "" }, refused.get(null)?.length ?? 0);
  for (const { organization, pool } of pools)
    refusing.set({ organization: organization.name, pool: pool.name }, refused.get(pool.id)?.length ?? 0);
}

function showVersions(
  { versions }: Gauges,
  { pools }: Pick<State, "pools">,
  connectedAgents: readonly PresentAgent[],
): void {
  const byPool = Map.groupBy(connectedAgents, ({ poolId }) => poolId);
  for (const { organization, pool } of pools)
    for (const [version, agents] of Map.groupBy(byPool.get(pool.id) ?? [], (agent) => agent.version))
      versions.set({ organization: organization.name, pool: pool.name, version }, agents.length);
}

function show(
  { jobs, poolAgents, poolJobs, kept: keptGauge, oldestWait }: Gauges,
  { jobs: byStatus, pools, counts, kept }: State,
  now: Date,
) {
  keptGauge.set({ organization: "", pool: "" }, kept.get(null) ?? 0);
  for (const { status, count } of byStatus) jobs.set({ status }, count);
  for (const { organization, pool } of pools) {
    const names = { organization: organization.name, pool: pool.name };
    const found = counts.find(({ poolId }) => poolId === pool.id);
    if (found === undefined) continue;
    for (const [status, count] of Object.entries(found.agents)) poolAgents.set({ ...names, status }, count);
    keptGauge.set(names, kept.get(pool.id) ?? 0);
    poolJobs.set({ ...names, state: "queued" }, found.queuedJobs);
    poolJobs.set({ ...names, state: "running" }, found.runningJobs);
    const since = found.oldestQueuedAt;
    oldestWait.set(names, since === null ? 0 : Math.max(0, now.getTime() - since.getTime()) / 1000);
  }
}
