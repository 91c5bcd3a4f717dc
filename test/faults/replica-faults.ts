import type { Direction, Shape } from "../support/relay.ts";
import type { Seeded } from "../support/seeded.ts";
import type { Cluster, FaultyServer } from "./cluster.ts";
import type { TimedFault } from "./faults.ts";
import { drawShape } from "./links.ts";

/** What a server is reached through: by its callers, or by itself to its database. */
export type ServerLink = "callers" | "database";

/** What goes wrong where several servers share a database. */
export type ReplicaFault =
  | { readonly kind: "cut-link"; readonly server: number; readonly link: ServerLink }
  | {
      readonly kind: "shape-link";
      readonly server: number;
      readonly link: ServerLink;
      readonly direction: Direction;
      readonly shape: Shape;
      readonly forMs: number;
    }
  /** Every back end of the database is terminated. */
  | { readonly kind: "back-ends" }
  /** The whole PostgreSQL server ends, and is started again. */
  | { readonly kind: "database"; readonly how: "fast" | "immediately"; readonly downMs: number };

/** Undoes something when its time has come. */
export type Later = (ms: number, undo: () => unknown) => void;

/** Draws which of the servers each fault hits, and what else happens to them and their database meanwhile. */
export function drawReplicaFaults(
  random: Seeded,
  timeline: readonly TimedFault[],
  { durationMs, replicas }: { readonly durationMs: number; readonly replicas: number },
): readonly TimedFault[] {
  const spread = timeline.map(({ atMs, fault }): TimedFault => {
    if ((fault.kind !== "end" && fault.kind !== "freeze") || fault.victim.role === "agent") return { atMs, fault };
    return { atMs, fault: { ...fault, victim: { role: "server", number: random.between(0, replicas - 1) } } };
  });
  const more: TimedFault[] = [];
  for (let atMs = random.between(300, 2500); atMs < durationMs; atMs += random.between(200, 2500))
    more.push({ atMs, fault: drawReplicaFault(random, replicas) });
  return [...spread, ...more].sort((one, other) => one.atMs - other.atMs);
}

function drawReplicaFault(random: Seeded, replicas: number): ReplicaFault {
  const server = random.between(0, replicas - 1);
  const link = random.pick<ServerLink>(["callers", "database"]);
  const forMs = random.between(200, random.chance(0.2) ? 15_000 : 3000);
  const direction = random.pick<Direction>(["up", "down"]);
  return random.weighted<() => ReplicaFault>([
    [30, () => ({ kind: "cut-link", server, link })],
    [35, () => ({ kind: "shape-link", server, link, direction, shape: drawShape(random), forMs })],
    [20, () => ({ kind: "back-ends" })],
    [
      15,
      () => ({
        kind: "database",
        how: random.pick(["fast", "immediately"]),
        downMs: random.between(0, random.chance(0.2) ? 8000 : 1500),
      }),
    ],
  ])();
}

export function describeReplicaFault(fault: ReplicaFault): string {
  switch (fault.kind) {
    case "cut-link":
      return `cut server ${fault.server} from its ${fault.link}`;
    case "shape-link":
      return `${fault.shape.kind} ${fault.direction} between server ${fault.server} and its ${fault.link} for ${fault.forMs} ms`;
    case "back-ends":
      return "terminate every back end";
    case "database":
      return `end PostgreSQL ${fault.how}, down ${fault.downMs} ms`;
  }
}

export function serverOf({ servers }: Cluster, number: number): FaultyServer {
  const server = servers[number];
  if (server === undefined) throw new Error(`there is no server ${number}`);
  return server;
}

/** Does something to the servers of a cluster or to their database; `later` undoes what lasts. */
export async function injectIntoReplicas(cluster: Cluster, fault: ReplicaFault, later: Later): Promise<void> {
  const { database } = cluster;
  const relayOf = (number: number, link: ServerLink) => {
    const relay = serverOf(cluster, number).links?.[link];
    if (relay === undefined) throw new Error("a server that is alone is reached directly");
    return relay;
  };
  switch (fault.kind) {
    case "cut-link":
      return relayOf(fault.server, fault.link).cut();
    case "shape-link": {
      const relay = relayOf(fault.server, fault.link);
      relay.shape(fault.direction, fault.shape);
      return later(fault.forMs, () => relay.shape(fault.direction, { kind: "clean" }));
    }
    case "back-ends":
      return database?.terminateBackEnds();
    case "database":
      if ((await database?.end(fault.how)) === true) later(fault.downMs, () => database?.startAgain());
  }
}
