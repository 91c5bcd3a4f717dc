import { useQuery } from "@connectrpc/connect-query";
import { type Replica, ReplicaState, SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";

const columns: readonly Column<Replica>[] = [
  {
    header: "Replica",
    cell: ({ name, answers }) => <span title={answers ? "the one that answers" : undefined}>{name}</span>,
  },
  { header: "Address", grows: true, cell: ({ address }) => <span className="font-mono text-xs">{address}</span> },
  { header: "Version", wideOnly: true, cell: ({ version }) => version },
  { header: "State", cell: ({ state }) => <State state={state} /> },
  { header: "Agents", align: "right", cell: ({ connectedAgents }) => connectedAgents },
  { header: "Seen", wideOnly: true, cell: ({ lastSeenTime }) => <RelativeTime time={lastSeenTime} /> },
];

/** The processes that serve one PostgreSQL database. Only site admins are told. */
export function Replicas() {
  const { data } = useQuery(SystemService.method.listReplicas, {});
  if (data === undefined) return null;
  return (
    <Section title="Replicas" lead="The servers that share this database.">
      <DataTable
        label="Replicas"
        columns={columns}
        rows={data.replicas}
        rowKey={({ id }) => id}
        empty={null}
        testId="replicas"
      />
    </Section>
  );
}

function State({ state }: Pick<Replica, "state">) {
  switch (state) {
    case ReplicaState.ALIVE:
      return <StatusBadge tone="good" text="alive" />;
    case ReplicaState.SILENT:
      return <StatusBadge tone="wait" text="silent" title="it may be gone, or cut off from the database" />;
    default:
      return <StatusBadge tone="bad" text="lost" title="it did not stop by itself" />;
  }
}
