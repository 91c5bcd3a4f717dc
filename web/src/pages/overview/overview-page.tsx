import { useQuery } from "@connectrpc/connect-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { type Run, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { type GetStatsResponse, SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { RunsTable } from "../runs/runs-table.tsx";
import { AttentionList } from "./attention-list.tsx";
import { FirstSteps } from "./first-steps.tsx";

const atWork: ReadonlySet<RunState> = new Set([RunState.PLANNING, RunState.APPLYING]);
const waitsForPerson = ({ state }: Run) => state === RunState.PLANNED;

/** What needs you, what runs, what waits and why, and what failed. */
export function OverviewPage() {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const stats = useQuery(SystemService.method.getStats, { organization });
  const attention = useQuery(SystemService.method.getAttention, { organization });
  const active = useQuery(RunService.method.listRuns, { organization, active: true, pageSize: 100 });
  const failed = useQuery(RunService.method.listRuns, { organization, states: [RunState.ERRORED], pageSize: 5 });
  const queries = [stats, attention, active, failed];
  const failure = queries.find(({ error }) => error !== null);
  const running = active.data?.runs.filter(({ state }) => atWork.has(state)) ?? [];
  const queued = active.data?.runs.filter((run) => !atWork.has(run.state) && !waitsForPerson(run)) ?? [];
  const needs = attention.data?.attention ?? [];
  const isNew = stats.data !== undefined && stats.data.workspaces + stats.data.agentPools === 0;
  return (
    <Page
      title="Overview"
      cli={`windlass status${orgFlag}`}
      favicon={needs.length > 0 ? "waiting" : running.length > 0 ? "running" : "idle"}
    >
      {failure !== undefined && (
        <ErrorNote
          error={failure.error}
          what="Not all of this page could be read"
          retry={() => void failure.refetch()}
        />
      )}
      {stats.data !== undefined && <Stats stats={stats.data} />}
      {isNew && <FirstSteps />}
      {attention.data !== undefined && !isNew && (
        <Part title="Needs you">
          {needs.length > 0 ? (
            <AttentionList attention={needs} />
          ) : (
            <p className="panel quiet px-4 py-3 text-sm" data-testid="needs-nobody">
              Nothing waits for a person.
            </p>
          )}
        </Part>
      )}
      <RunsPart title="Running now" runs={running} testId="running" />
      <RunsPart title="Queue" runs={queued} testId="queued" />
      <RunsPart title="Last failures" runs={failed.data?.runs ?? []} testId="failed" />
    </Page>
  );
}

interface RunsPartProps {
  readonly title: string;
  readonly runs: readonly Run[];
  readonly testId: string;
}

/** Nothing where there are none. */
function RunsPart({ title, runs, testId }: RunsPartProps) {
  if (runs.length === 0) return null;
  return (
    <Part title={title}>
      <RunsTable runs={runs} empty={null} label={title} testId={testId} />
    </Part>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className="mb-2 font-semibold text-sm">{title}</h2>
      {children}
    </section>
  );
}

/** The counts of the organization, each a way to what it counts. */
function Stats({ stats }: { readonly stats: GetStatsResponse }) {
  const path = usePath();
  const { data: server } = useQuery(SystemService.method.getServerInfo, {}, { staleTime: 60_000 });
  const own = server?.hasServerAgent === true ? ", and the server's own" : "";
  const counts = [
    ["Workspaces", stats.workspaces, path("ws"), ""],
    ["Agents online", stats.connectedAgents, path("agents"), `${stats.busyAgents} busy${own}`],
    ["Runs not ended", stats.activeRuns, `${path("runs")}?state=active`, `${stats.runsToConfirm} to confirm`],
    ["Jobs", stats.runningJobs, path("pools"), `${stats.queuedJobs} queued`],
  ] as const;
  return (
    <ul
      className="panel grid grid-cols-2 divide-base-300 max-md:gap-y-1 md:grid-cols-4 md:divide-x"
      data-testid="stats"
    >
      {counts.map(([label, count, href, more]) => (
        <li key={label}>
          <Link href={href} className="block px-4 py-3 hover:bg-base-200">
            <span className="eyebrow block">{label}</span>
            <span className="font-semibold text-2xl tracking-tight">{count.toLocaleString("en")}</span>
            {more !== "" && <span className="quiet ml-2 text-xs">{more}</span>}
          </Link>
        </li>
      ))}
    </ul>
  );
}
