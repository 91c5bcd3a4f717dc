import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Agent } from "../../../../src/gen/windlass/v1/agent_pb.ts";
import { usePath } from "../../app/organization.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { shortId } from "../../ui/format.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { AgentStatusBadge } from "../../words/agent-status.tsx";
import { AgentVersion } from "../../words/agent-version.tsx";
import { Labels } from "../../words/labels.tsx";

interface AgentsTableProps {
  readonly agents: readonly Agent[];
  readonly empty: ReactNode;
  /** Agents of one pool do not name it. */
  readonly hasPool?: boolean;
}

/** Agents as rows: of the agents page, and of a pool. */
export function AgentsTable({ agents, empty, hasPool = true }: AgentsTableProps) {
  const path = usePath();
  const columns: readonly Column<Agent>[] = [
    { header: "Agent", cell: ({ name, id }) => <span title={id}>{name || shortId(id)}</span> },
    { header: "State", cell: (agent) => <AgentStatusBadge agent={agent} /> },
    ...(hasPool ? [{ header: "Pool", cell: (agent: Agent) => <PoolLink agent={agent} /> }] : []),
    { header: "Current jobs", cell: (agent) => <CurrentJobs agent={agent} /> },
    { header: "Labels", wideOnly: true, grows: true, cell: ({ labels }) => <Labels labels={labels} /> },
    { header: "Version", wideOnly: true, cell: (agent) => <AgentVersion agent={agent} /> },
    { header: "Last seen", align: "right", cell: ({ lastSeenTime }) => <RelativeTime time={lastSeenTime} /> },
  ];
  return (
    <DataTable
      label="Agents"
      columns={columns}
      rows={agents}
      rowKey={({ id }) => id}
      href={({ id }) => path("agents", id)}
      empty={empty}
      testId="agents"
    />
  );
}

function PoolLink({ agent: { agentPool, serverAgent } }: { readonly agent: Agent }) {
  const path = usePath();
  if (serverAgent) return <span className="quiet">server agent</span>;
  return (
    <Link href={path("pools", agentPool)} className="relative z-10 hover:underline">
      {agentPool}
    </Link>
  );
}

/** `1 of 2`, with the runs. */
function CurrentJobs({ agent: { jobIds, runIds, concurrency } }: { readonly agent: Agent }) {
  const path = usePath();
  return (
    <span className="inline-flex items-center gap-2">
      <span className={jobIds.length === 0 ? "quiet" : ""}>
        {jobIds.length} of {concurrency}
      </span>
      {[...new Set(runIds)].slice(0, 2).map((id) => (
        <Link key={id} href={path("runs", id)} className="relative z-10 font-mono text-xs hover:underline">
          {shortId(id)}
        </Link>
      ))}
    </span>
  );
}
