import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import type { Agent, AgentJob } from "../../../../src/gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import { usePath } from "../../app/organization.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { shortId } from "../../ui/format.ts";
import { Pagination } from "../../ui/pagination.tsx";
import { Elapsed, RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { JobStatusBadge, phaseText } from "../../words/job-status.tsx";

const pageSize = 10;

const columnsOf = (path: ReturnType<typeof usePath>): readonly Column<AgentJob>[] => [
  { header: "Run", cell: ({ runId }) => <span className="font-mono text-xs">{shortId(runId)}</span> },
  { header: "Phase", cell: ({ phase }) => phaseText(phase) },
  { header: "State", cell: ({ status }) => <JobStatusBadge status={status} /> },
  {
    header: "Workspace",
    cell: ({ workspace }) => (
      <Link href={path("ws", workspace)} className="relative z-10 hover:underline">
        {workspace}
      </Link>
    ),
  },
  {
    header: "What went wrong",
    grows: true,
    wideOnly: true,
    cell: ({ errorMessage }) => <span title={errorMessage}>{errorMessage}</span>,
  },
  {
    header: "Took",
    align: "right",
    wideOnly: true,
    cell: ({ startTime, endTime }) => <Elapsed from={startTime} to={endTime} />,
  },
  {
    header: "Started",
    align: "right",
    cell: ({ startTime }) => <RelativeTime time={startTime} never="not started" />,
  },
];

/** The jobs that an agent has, and those that it was the last to have. */
export function AgentJobs({ agent }: { readonly agent: Agent }) {
  const path = usePath();
  const [page, setPage] = useUrlState("page");
  const { data, error, refetch } = useQuery(AgentService.method.listAgentJobs, {
    agent: agent.id,
    pageSize,
    pageToken: page,
  });
  return (
    <Section title="Jobs">
      {error !== null && <ErrorNote error={error} what="Its jobs could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <DataTable
          label="Jobs"
          columns={columnsOf(path)}
          rows={data.jobs}
          rowKey={({ jobId }) => jobId}
          href={({ runId }) => path("runs", runId)}
          testId="agent-jobs"
          empty={
            <EmptyState title="It has had no job yet">
              It takes the next job of its pool that fits its labels and engines.
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Section>
  );
}
