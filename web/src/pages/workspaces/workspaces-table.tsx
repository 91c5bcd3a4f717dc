import type { ReactNode } from "react";
import { Link } from "wouter";
import { RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { ExecutionMode, type Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { usePath } from "../../app/organization.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { engineText, modeWords } from "../../words/execution.ts";
import { LockBadge } from "../../words/lock-badge.tsx";
import { runStateWords } from "../../words/run-states.ts";

const columns: readonly Column<Workspace>[] = [
  { header: "Workspace", cell: ({ name }) => name },
  { header: "Latest run", cell: (workspace) => <LatestRun workspace={workspace} /> },
  { header: "Lock", cell: ({ lock }) => <LockBadge lock={lock} /> },
  {
    header: "Waiting runs",
    align: "right",
    wideOnly: true,
    cell: ({ queuedRuns }) => <span className={queuedRuns === 0 ? "quiet" : ""}>{queuedRuns}</span>,
  },
  { header: "Runs where", cell: (workspace) => <Place workspace={workspace} /> },
  {
    header: "Engine",
    wideOnly: true,
    cell: ({ engine, engineVersion }) => `${engineText(engine)}${engineVersion === "" ? "" : ` ${engineVersion}`}`,
  },
  { header: "Description", grows: true, wideOnly: true, cell: (workspace) => <About workspace={workspace} /> },
];

/** Workspaces as rows. */
export function WorkspacesTable({
  workspaces,
  empty,
}: {
  readonly workspaces: readonly Workspace[];
  readonly empty: ReactNode;
}) {
  const path = usePath();
  return (
    <DataTable
      label="Workspaces"
      columns={columns}
      rows={workspaces}
      rowKey={({ id }) => id}
      href={({ name }) => path("ws", name)}
      empty={empty}
      testId="workspaces"
    />
  );
}

function LatestRun({ workspace: { currentRunId, currentRunState } }: { readonly workspace: Workspace }) {
  const path = usePath();
  if (currentRunId === "" || currentRunState === RunState.UNSPECIFIED) return <span className="quiet">none yet</span>;
  const { text, tone } = runStateWords(currentRunState);
  return (
    <Link href={path("runs", currentRunId)} className="relative z-10 hover:underline">
      <StatusBadge tone={tone} text={text} />
    </Link>
  );
}

function Place({ workspace: { executionMode, agentPool } }: { readonly workspace: Workspace }) {
  const path = usePath();
  if (executionMode !== ExecutionMode.AGENT) return modeWords(executionMode).text;
  return (
    <Link href={path("pools", agentPool)} className="relative z-10 hover:underline" title="Agent pool">
      {agentPool}
    </Link>
  );
}

const About = ({ workspace: { description, tags } }: { readonly workspace: Workspace }) => (
  <span className="flex min-w-0 items-center gap-2">
    {tags.map((tag) => (
      <span key={tag} className="shrink-0 rounded-selector border border-base-300 px-1.5 text-xs">
        {tag}
      </span>
    ))}
    <span className="quiet min-w-0 truncate" title={description}>
      {description}
    </span>
  </span>
);
