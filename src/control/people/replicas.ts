import type { Principal } from "../../domain/people/principal.ts";
import type { ReplicaRow } from "../../store/ports/replicas.ts";
import { asPerson, demand } from "../core/access.ts";
import type { Control } from "../core/control.ts";

/** One that has said nothing for so long should have. */
const silentMs = 12_000;
/** So many are told. */
const mostTold = 100;

/** A process that serves the database, as site admins see it. */
export interface ReplicaView {
  readonly row: ReplicaRow;
  readonly state: "alive" | "silent" | "lost";
  readonly connectedAgents: number;
  /** The one that was asked. */
  readonly isSelf: boolean;
}

/** The processes that serve the database. With SQLite it is this one, and no row tells of it. */
export async function listReplicas(control: Control, who: Principal): Promise<readonly ReplicaView[]> {
  demand(asPerson(who), "administer_site");
  const { store, replicas, presence } = control;
  if (store.engine === "sqlite") {
    const self = { row: rowOf(control), state: "alive", connectedAgents: presence.all().length, isSelf: true } as const;
    return [self];
  }
  const { rows, agents } = await store.read(async (q) => ({
    rows: await q.replicas.all(),
    agents: await q.agents.countByReplica(),
  }));
  const own = rows.find(({ id }) => id === replicas.id);
  // Rows are seen by the database's clock: it goes on from when this process was.
  const now = own === undefined ? control.clock.now() : new Date(control.clock.now().getTime() - skewOf(own));
  return rows.slice(0, mostTold).map((row) => ({
    row,
    state: stateOf(row, now),
    connectedAgents: agents.get(row.id) ?? 0,
    isSelf: row.id === replicas.id,
  }));
}

const skewOf = ({ clockAt, seenAt }: ReplicaRow): number => clockAt.getTime() - seenAt.getTime();

function stateOf({ lostAt, seenAt }: ReplicaRow, now: Date): ReplicaView["state"] {
  if (lostAt !== null) return "lost";
  return now.getTime() - seenAt.getTime() > silentMs ? "silent" : "alive";
}

function rowOf({ replicas, name, version, clock }: Control): ReplicaRow {
  const now = clock.now();
  return {
    ...{ id: replicas.id, name, version, address: "", startedAt: replicas.startedAt },
    ...{ seenAt: now, clockAt: now, beats: 0, losses: 0, lostAt: null },
  };
}
