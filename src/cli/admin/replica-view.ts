import { type Replica, ReplicaState } from "../../gen/windlass/v1/system_service_pb.ts";
import { ageText } from "../terminal/ages.ts";
import type { Column } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";

/** `3, of which 1 is not alive`; empty where there is one, as most have. */
export function replicasText(replicas: readonly Replica[]): string {
  if (replicas.length < 2) return "";
  const away = replicas.filter(({ state }) => state !== ReplicaState.ALIVE).length;
  return away === 0
    ? String(replicas.length)
    : `${replicas.length}, of which ${away} ${away === 1 ? "is" : "are"} not alive`;
}

/** The processes that serve one database; `*` is the one that answers. */
export const replicaColumns: readonly Column<Replica>[] = [
  { name: "REPLICA", value: ({ name, answers }) => `${name}${answers ? " *" : ""}` },
  { name: "ADDRESS", value: ({ address }) => address },
  { name: "VERSION", value: ({ version }) => version },
  { name: "STATE", isStatus: true, value: ({ state }) => enumText(ReplicaState, state) },
  { name: "AGENTS", value: ({ connectedAgents }) => String(connectedAgents) },
  { name: "SEEN", value: ({ lastSeenTime }, now) => ageText(lastSeenTime, now) },
];
