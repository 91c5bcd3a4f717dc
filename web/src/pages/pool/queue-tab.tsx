import { useQuery } from "@connectrpc/connect-query";
import { lazy, type ReactNode, Suspense } from "react";
import { Link } from "wouter";
import type { QueuedJob } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { usePath } from "../../app/organization.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { countText, shortId } from "../../ui/format.ts";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { phaseText } from "../../words/job-status.tsx";
import { waitingWords } from "../../words/waiting.ts";
import type { PoolTabProps } from "./pool-page.tsx";

// The charts and their library are loaded here alone.
const UsageCharts = lazy(async () => ({ default: (await import("./usage-charts.tsx")).UsageCharts }));

const pollMs = 5_000;
const historyPollMs = 30_000;

/** What waits for the pool's agents and why, and how the last hour was. */
export function QueueTab({ pool }: PoolTabProps) {
  const [page, setPage] = useUrlState("page");
  const place = { organization: pool.organization, agentPool: pool.id };
  const queue = useQuery(
    AgentPoolService.method.listQueuedJobs,
    { ...place, pageToken: page },
    { refetchInterval: pollMs },
  );
  const history = useQuery(AgentPoolService.method.getAgentPoolHistory, place, { refetchInterval: historyPollMs });
  const counts = pool.counts;
  const online = (counts?.idleAgents ?? 0) + (counts?.busyAgents ?? 0);
  return (
    <>
      <Section title="Queue" lead="Jobs that wait for an agent, in the order in which they will be given out.">
        {queue.error !== null && (
          <ErrorNote error={queue.error} what="The queue could not be read" retry={() => void queue.refetch()} />
        )}
        {queue.data !== undefined && (
          <QueueTable
            jobs={queue.data.queuedJobs}
            empty={
              <EmptyState title="Nothing waits">
                {online === 0
                  ? "No agent is online: the next job will wait for one."
                  : `Agents have room for ${countText(Math.max(0, (counts?.capacity ?? 0) - (counts?.runningJobs ?? 0)), "more job")}.`}
              </EmptyState>
            }
          />
        )}
        <Pagination token={page} nextToken={queue.data?.nextPageToken ?? ""} onChange={setPage} />
      </Section>
      <Section title="Last hour">
        {history.error !== null && (
          <ErrorNote
            error={history.error}
            what="The last hour could not be read"
            retry={() => void history.refetch()}
          />
        )}
        <Suspense fallback={<p className="quiet text-sm">Loading…</p>}>
          {history.data !== undefined && <UsageCharts minutes={history.data.minutes} />}
        </Suspense>
      </Section>
    </>
  );
}

function QueueTable({ jobs, empty }: { readonly jobs: readonly QueuedJob[]; readonly empty: ReactNode }) {
  const path = usePath();
  const columns: readonly Column<QueuedJob>[] = [
    {
      header: "Run",
      cell: ({ runId, queuePosition }) => (
        <span className="font-mono text-xs">{`${queuePosition}. ${shortId(runId)}`}</span>
      ),
    },
    { header: "Phase", cell: ({ phase }) => phaseText(phase) },
    {
      header: "Workspace",
      cell: ({ workspace }) => (
        <Link href={path("ws", workspace)} className="relative z-10 hover:underline">
          {workspace}
        </Link>
      ),
    },
    { header: "Why it waits", grows: true, cell: (job) => <Reason job={job} /> },
    { header: "Since", align: "right", cell: ({ queueTime }) => <RelativeTime time={queueTime} /> },
  ];
  return (
    <DataTable
      label="Queue"
      columns={columns}
      rows={jobs}
      rowKey={({ jobId }) => jobId}
      href={({ runId }) => path("runs", runId)}
      empty={empty}
      testId="queue"
    />
  );
}

function Reason({ job }: { readonly job: QueuedJob }) {
  const { text, end } = waitingWords(job);
  return (
    <span title={[job.detail, end].join(" ")} className="block min-w-56 whitespace-normal">
      <span className="font-medium">{text}</span>
      <span className="quiet block text-xs">{job.detail || end}</span>
    </span>
  );
}
