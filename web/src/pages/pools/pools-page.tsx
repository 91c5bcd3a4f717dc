import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { useLack } from "../../app/permission.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { durationText, msOf } from "../../ui/format.ts";
import { Pagination } from "../../ui/pagination.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { PoolAgents } from "../../words/pool-agents.tsx";
import { CreatePoolDialog } from "./create-pool-dialog.tsx";

const pollMs = 5_000;

const columns: readonly Column<AgentPool>[] = [
  { header: "Pool", cell: ({ name }) => name },
  { header: "Agents", cell: ({ counts }) => <PoolAgents counts={counts} /> },
  { header: "Queued", align: "right", cell: ({ counts }) => <Count count={counts?.queuedJobs ?? 0} /> },
  { header: "Oldest wait", align: "right", cell: (pool) => <OldestWait pool={pool} /> },
  {
    header: "Running",
    align: "right",
    wideOnly: true,
    cell: ({ counts }) => <Count count={counts?.runningJobs ?? 0} />,
  },
  {
    header: "Workspaces",
    align: "right",
    wideOnly: true,
    cell: ({ assignedWorkspaces }) => <Count count={assignedWorkspaces.length} />,
  },
  { header: "Open to", wideOnly: true, cell: (pool) => (pool.organizationScoped ? "every workspace" : "granted only") },
  {
    header: "Description",
    grows: true,
    wideOnly: true,
    cell: ({ description }) => <span title={description}>{description}</span>,
  },
];

const Count = ({ count }: { readonly count: number }) => <span className={count === 0 ? "quiet" : ""}>{count}</span>;

function OldestWait({ pool: { counts } }: { readonly pool: AgentPool }) {
  const ms = msOf(counts?.oldestWait);
  return ms === undefined ? <span className="quiet">–</span> : durationText(ms);
}

export function PoolsPage() {
  const organization = useOrganization();
  const path = usePath();
  const [search, setSearch] = useUrlState("q");
  const [page, setPage] = useUrlState("page");
  const [isCreating, setIsCreating] = useState(false);
  const lack = useLack(Permission.OPERATE);
  const input = { organization, search, pageToken: page };
  const { data, error, refetch } = useQuery(AgentPoolService.method.listAgentPools, input, {
    placeholderData: keepPreviousData,
    refetchInterval: pollMs,
  });
  const create = (
    <ActionButton onClick={() => setIsCreating(true)} testId="create-pool" tone="primary" disabledReason={lack}>
      Create pool
    </ActionButton>
  );
  const orgFlag = useOrgFlag();
  const cli = `windlass pool list${search === "" ? "" : ` --search ${shellWord(search)}`}${orgFlag}`;
  return (
    <Page title="Agent pools" cli={cli} actions={create}>
      <SearchBox label="Name or description" value={search} onChange={setSearch} testId="pools-search" />
      {error !== null && <ErrorNote error={error} what="The pools could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <DataTable
          label="Agent pools"
          columns={columns}
          rows={data.agentPools}
          rowKey={({ id }) => id}
          href={({ name }) => path("pools", name)}
          testId="pools"
          empty={
            search === "" ? (
              <EmptyState title="No agent pools yet" action={create} cli={`windlass pool create prod${orgFlag}`}>
                A pool is a group of agents in one network. Create one, make a token for it, and start an agent where
                your infrastructure is.
              </EmptyState>
            ) : (
              <EmptyState title="No pool fits this filter">Clear it to see all.</EmptyState>
            )
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
      {isCreating && <CreatePoolDialog onClose={() => setIsCreating(false)} />}
    </Page>
  );
}
