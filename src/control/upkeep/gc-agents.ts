import type { Agent } from "../../domain/agents/agent.ts";
import { before } from "../../domain/people/retention.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";
import { byId, collectRows, type RowKind } from "./gc-rows.ts";

/** Forgets agents that said good-bye, and those that were lost. */
export async function collectAgents(control: GcControl, options: GcOptions, gone: Gone): Promise<GcCount> {
  const { exitedAgentsMs, lostAgentsMs } = options.retention;
  for (const [status, keepMs] of [["exited", exitedAgentsMs] as const, ["errored", lostAgentsMs] as const]) {
    const seenBefore = before(control.clock.now(), keepMs);
    if (seenBefore === null) continue;
    const kind: RowKind<Agent, string> = {
      page: byId((q, page) => q.upkeep.goneAgents(status, seenBefore, page)),
      mayGo: (q, { id }) => hasLeft(q, id, { status, seenBefore, gone }),
      remove: (tx, { id }) => tx.agents.delete(id),
    };
    await collectRows(control, options, kind, ({ id }) => gone.agents.add(id));
  }
  return { kind: "agents", count: gone.agents.size, bytes: null };
}

interface GoneFor {
  readonly status: "exited" | "errored";
  readonly seenBefore: Date;
  readonly gone: Gone;
}

/** An agent of which something may still come keeps its row: its claims hang on its id. */
async function hasLeft(q: Queries, id: Agent["id"], { status, seenBefore, gone }: GoneFor): Promise<boolean> {
  const agent = await q.agents.get(id);
  if (agent?.status !== status || agent.lastSeenAt >= seenBefore) return false;
  return (await q.jobs.openOfAgent(id)).every(({ runId }) => gone.runs.has(runId));
}
