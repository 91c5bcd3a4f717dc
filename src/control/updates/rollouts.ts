import type { Agent } from "../../domain/agents/agent.ts";
import { defaultUpdatePolicy } from "../../domain/agents/agent-update.ts";
import { type Rollout, type RolloutAgent, rollOut } from "../../domain/agents/rollout.ts";
import type { AgentId, PoolId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { AgentReleases, AgentUpdates, ServedManifest, VersionWish } from "../core/control.ts";
import { type Control, topics } from "../core/control.ts";

/** How long a decision about a pool counts; a change of one of its agents ends it. */
const freshMs = 2_000;
const pageSize = 500;
/** How long an agent that was told may take to say that it has begun: until then its place is taken. */
const toldMs = 60_000;

interface Decision {
  readonly untilMs: number;
  readonly rollout: Promise<Rollout>;
}

/** Decides which agents of a pool become which version, once for all of them in a while. */
export class Rollouts implements AgentUpdates {
  readonly releases: AgentReleases;
  readonly #control: () => Control;
  readonly #decisions = new Map<PoolId, Decision>();
  readonly #told = new Map<AgentId, { readonly target: string; readonly untilMs: number }>();

  constructor(control: () => Control, releases: AgentReleases) {
    this.#control = control;
    this.releases = releases;
  }

  readonly wishFor = async ({ id, poolId }: Pick<Agent, "id" | "poolId">): Promise<VersionWish | undefined> => {
    if (poolId === null) return undefined;
    try {
      const served = await this.releases.current();
      if (served === undefined) return undefined;
      const target = (await this.#rollout(poolId, served)).targets.get(id);
      if (target === undefined) return undefined;
      // From its first word on: who is told again and again and never begins keeps no place.
      if (this.#told.get(id)?.target !== target)
        this.#told.set(id, { target, untilMs: this.#control().clock.monotonicMs() + toldMs });
      return { target, manifestSha256: served.sha256 };
    } catch (error) {
      this.#control().log.warn(
        { err: error, poolId },
        "updates of agents could not be decided: they stay what they are",
      );
      return undefined;
    }
  };

  readonly changed = (poolId: Agent["poolId"]): void => {
    if (poolId !== null) this.#decisions.delete(poolId);
  };

  #rollout(poolId: PoolId, served: ServedManifest): Promise<Rollout> {
    const nowMs = this.#control().clock.monotonicMs();
    const known = this.#decisions.get(poolId);
    if (known !== undefined && known.untilMs > nowMs) return known.rollout;
    const rollout = this.#decide(poolId, served);
    this.#decisions.set(poolId, { untilMs: nowMs + freshMs, rollout });
    return rollout;
  }

  #toldLately(): ReadonlyMap<AgentId, string> {
    const nowMs = this.#control().clock.monotonicMs();
    for (const [id, { untilMs }] of this.#told) if (untilMs <= nowMs) this.#told.delete(id);
    return new Map([...this.#told].map(([id, { target }]) => [id, target]));
  }

  async #decide(poolId: PoolId, { releases }: ServedManifest): Promise<Rollout> {
    const control = this.#control();
    const { pool, agents } = await control.store.read(async (q) => {
      const found = await q.pools.get(poolId);
      const isOn = found !== undefined && (found.updatePolicy?.mode ?? "off") !== "off";
      return { pool: found, agents: isOn ? await agentsOf(q, found) : [] };
    });
    const policy = pool?.updatePolicy ?? defaultUpdatePolicy;
    const rollout = rollOut({ policy, releases, agents, told: this.#toldLately(), now: control.clock.now() });
    if (rollout.halt !== undefined) await haltUpdates(control, poolId, rollout.halt);
    return rollout;
  }
}

async function agentsOf(
  q: Queries,
  { id: poolId, organizationId }: { readonly id: PoolId; readonly organizationId: Agent["organizationId"] },
): Promise<readonly RolloutAgent[]> {
  const filter = { organizationId, poolId, statuses: ["idle", "busy", "unknown", "errored"] as const, search: "" };
  const found: Agent[] = [];
  for (;;) {
    const last = found.at(-1);
    const after = last === undefined ? null : ([last.name, last.id] as const);
    const page = await q.agents.list(filter, { after, limit: pageSize });
    found.push(...page);
    if (page.length < pageSize) return found;
  }
}

/** Once: whoever comes later finds it halted. */
async function haltUpdates(control: Control, poolId: PoolId, halt: string): Promise<void> {
  const isNew = await change(control, async (tx, at) => {
    const pool = await tx.pools.get(poolId);
    if (pool?.updatePolicy == null || pool.updatePolicy.halt !== "") return false;
    const updatePolicy = { ...pool.updatePolicy, halt };
    await tx.pools.save({ ...pool, updatePolicy, updatedAt: at.now, version: pool.version + 1 });
    await record(tx, "system", {
      ...{ action: "pool.update_halt", resource: poolId, organizationId: pool.organizationId, at: at.now },
      detail: { name: pool.name, reason: halt },
    });
    at.touched.add(topics.agents);
    return true;
  });
  if (isNew) control.log.error({ poolId, reason: halt }, "updates of the agents of a pool are halted");
}
