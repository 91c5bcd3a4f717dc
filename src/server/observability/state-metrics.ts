import { Gauge, type Registry } from "prom-client";
import type { Control } from "../../control/control.ts";
import type { AgentPool } from "../../domain/agent-pool.ts";
import type { Organization } from "../../domain/organization.ts";
import type { PoolCounts, Queries } from "../../store/ports.ts";

/** More pools than this are left out: a scrape must stay cheap. */
const maxPools = 1_000;

/** Makes the gauges that are read from the database and from memory; the answer fills them, before each scrape. */
export function stateMetrics(registry: Registry, control: Control): () => Promise<void> {
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
  const connected = gauge("windlass_connected_agents", "Agents with a stream to this process", []);
  const pool = ["organization", "pool"];
  const gauges: Gauges = {
    jobs: gauge("windlass_jobs", "Jobs by status, those of remote workspaces included", ["status"]),
    poolAgents: gauge("windlass_pool_agents", "Agents of a pool by status", [...pool, "status"]),
    poolJobs: gauge("windlass_pool_jobs", "Jobs of a pool: queued, running", [...pool, "state"]),
    oldestWait: gauge("windlass_pool_oldest_wait_seconds", "Age of the oldest queued job of a pool; 0 if none", pool),
  };
  return async () => {
    connected.set(control.presence.all().length);
    const found = await control.store.read(readState);
    for (const each of Object.values(gauges)) each.reset();
    show(gauges, found, control.clock.now());
  };
}

interface Gauges {
  readonly jobs: Gauge;
  readonly poolAgents: Gauge;
  readonly poolJobs: Gauge;
  readonly oldestWait: Gauge;
}

interface State {
  readonly jobs: Awaited<ReturnType<Queries["jobs"]["countByStatus"]>>;
  readonly pools: readonly { readonly organization: Organization; readonly pool: AgentPool }[];
  readonly counts: readonly PoolCounts[];
}

async function readState(q: Queries): Promise<State> {
  const pools: { organization: Organization; pool: AgentPool }[] = [];
  for (const organization of await q.organizations.list({ after: null, limit: maxPools })) {
    if (pools.length >= maxPools) break;
    const page = { after: null, limit: maxPools - pools.length };
    for (const pool of await q.pools.list(organization.id, page)) pools.push({ organization, pool });
  }
  return { jobs: await q.jobs.countByStatus(), pools, counts: await q.pools.counts(pools.map(({ pool }) => pool.id)) };
}

function show({ jobs, poolAgents, poolJobs, oldestWait }: Gauges, { jobs: byStatus, pools, counts }: State, now: Date) {
  for (const { status, count } of byStatus) jobs.set({ status }, count);
  for (const { organization, pool } of pools) {
    const names = { organization: organization.name, pool: pool.name };
    const found = counts.find(({ poolId }) => poolId === pool.id);
    if (found === undefined) continue;
    for (const [status, count] of Object.entries(found.agents)) poolAgents.set({ ...names, status }, count);
    poolJobs.set({ ...names, state: "queued" }, found.queuedJobs);
    poolJobs.set({ ...names, state: "running" }, found.runningJobs);
    const since = found.oldestQueuedAt;
    oldestWait.set(names, since === null ? 0 : Math.max(0, now.getTime() - since.getTime()) / 1000);
  }
}
