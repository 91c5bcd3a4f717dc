import type { ToldAgent } from "../../domain/runs/told-agent.ts";
import type { AgentId } from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";

/** The processes that serve one database, and which agents are connected to which of them. */
export function defineReplicas(k: Kit) {
  const replicas = k.table("replicas", {
    id: k.text("id").primaryKey(),
    name: k.text("name").notNull(),
    version: k.text("version").notNull(),
    address: k.text("address").notNull(),
    startedAt: k.instant("started_at").notNull(),
    seenAt: k.instant("seen_at").notNull(),
    clockAt: k.instant("clock_at").notNull(),
    beats: k.int("beats").notNull(),
    losses: k.int("losses").notNull(),
    lostAt: k.instant("lost_at"),
  });

  const presences = k.table(
    "presences",
    {
      // No foreign keys: a row is written in batches, when its agent may be gone already.
      agentId: k.text<AgentId>("agent_id").primaryKey(),
      replicaId: k.text("replica_id").notNull(),
      sessionEpoch: k.int("session_epoch").notNull(),
      version: k.int("version").notNull(),
      facts: k.json<ToldAgent>("facts"),
    },
    (t) => [k.index("presences_replica").on(t.replicaId, t.version)],
  );

  return { replicas, presences };
}
