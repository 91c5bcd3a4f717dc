import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { agentStatusWords, filterableStatuses } from "../../words/agent-status.tsx";
import { AgentsTable } from "./agents-table.tsx";

const statusOptions = [
  { value: "", label: "All but exited" },
  ...filterableStatuses.map((status) => ({
    value: agentStatusWords(status).flag,
    label: agentStatusWords(status).text,
  })),
];

const pollMs = 15_000;

interface AgentFilter {
  readonly search: string;
  readonly status: string;
  readonly labels: string;
}

const cliFor = ({ search, status, labels }: AgentFilter): string =>
  [
    "windlass agent list",
    status === "" ? "" : ` --status ${shellWord(status)}`,
    labels === "" ? "" : ` --selector ${shellWord(labels)}`,
    search === "" ? "" : ` --search ${shellWord(search)}`,
  ].join("");

export function AgentsPage() {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const [search, setSearch] = useUrlState("q");
  const [status, setStatus] = useUrlState("status");
  const [labels, setLabels] = useUrlState("labels");
  const [page, setPage] = useUrlState("page");
  const statuses = filterableStatuses.filter((one) => agentStatusWords(one).flag === status);
  const input = { organization, search, labelSelector: labels, statuses, pageToken: page };
  const { data, error, refetch } = useQuery(AgentService.method.listAgents, input, {
    placeholderData: keepPreviousData,
    refetchInterval: pollMs,
  });
  const isFiltered = search !== "" || status !== "" || labels !== "";
  return (
    <Page title="Agents" cli={`${cliFor({ search, status, labels })}${orgFlag}`}>
      <div className="flex flex-wrap items-center gap-2">
        <SearchBox label="Name" value={search} onChange={setSearch} testId="agents-search" />
        <SearchBox label="Labels, such as zone=a,!spot" value={labels} onChange={setLabels} testId="agents-labels" />
        <SelectField
          label="State"
          options={statusOptions}
          value={status}
          onChange={setStatus}
          testId="agents-status"
          isBare
        />
      </div>
      {error !== null && <ErrorNote error={error} what="The agents could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <AgentsTable
          agents={data.agents}
          empty={
            isFiltered ? (
              <EmptyState title="No agent fits these filters">Clear a filter to see more.</EmptyState>
            ) : (
              <EmptyState title="No agents yet" cli={`windlass token create --pool POOL --name vm-7${orgFlag}`}>
                An agent belongs to a pool. Open a pool and make a token: its dialog has the line that starts an agent.
              </EmptyState>
            )
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Page>
  );
}
