import type { ReactNode } from "react";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { usePath } from "../../app/organization.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { shortId } from "../../ui/format.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { callerName } from "../../words/caller.ts";
import { Counts } from "../../words/counts.tsx";
import { runSourceWords } from "../../words/run-sources.ts";
import { RunStateBadge, WaitingChip } from "../../words/run-state-badge.tsx";

interface RunsTableProps {
  readonly runs: readonly Run[];
  readonly empty: ReactNode;
  /** Runs of one workspace do not name it. */
  readonly hasWorkspace?: boolean;
  readonly label?: string;
  readonly testId?: string;
}

/** Who works on a run, or did last. */
const agentOf = ({ plan, apply }: Run): string => apply?.agentName || plan?.agentName || "";

const columnsOf = (hasWorkspace: boolean): readonly Column<Run>[] => [
  {
    header: "Run",
    cell: (run) => (
      <>
        {hasWorkspace && <span className="block max-w-40 truncate">{run.workspace}</span>}
        <span className="quiet font-mono font-normal text-xs">{shortId(run.id)}</span>
      </>
    ),
  },
  {
    header: "State",
    cell: (run) => (
      <>
        <RunStateBadge run={run} />
        <span className="block md:hidden">
          <WaitingChip run={run} />
        </span>
      </>
    ),
  },
  { header: "Changes", wideOnly: true, cell: (run) => <Counts counts={run.appliedChanges ?? run.plannedChanges} /> },
  {
    header: "Message",
    grows: true,
    wideOnly: true,
    cell: (run) => (
      <span className="flex min-w-0 items-center gap-2">
        <span className="min-w-0 truncate" title={run.message}>
          {run.message}
        </span>
        <WaitingChip run={run} />
      </span>
    ),
  },
  { header: "By", wideOnly: true, cell: (run) => <Creator run={run} /> },
  { header: "Agent", wideOnly: true, cell: (run) => agentOf(run) },
  { header: "Created", align: "right", cell: (run) => <RelativeTime time={run.createTime} /> },
];

const Creator = ({ run: { createdBy, source } }: { readonly run: Run }) => (
  <span title={`${createdBy} ${runSourceWords(source).text}`}>
    {callerName(createdBy)}
    <span className="quiet block text-xs">{runSourceWords(source).short}</span>
  </span>
);

/** Runs as rows: of the runs page, the start page, a workspace, an agent. */
export function RunsTable({ runs, empty, hasWorkspace = true, label = "Runs", testId = "runs" }: RunsTableProps) {
  const path = usePath();
  const href = (run: Run) => path("runs", run.id);
  return (
    <DataTable
      label={label}
      columns={columnsOf(hasWorkspace)}
      rows={runs}
      rowKey={({ id }) => id}
      href={href}
      empty={empty}
      testId={testId}
    />
  );
}
