import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import type { StateResource } from "../../../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../../../src/gen/windlass/v1/state_service_pb.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { useUrlState } from "../../ui/url-state.ts";

const columns: readonly Column<StateResource>[] = [
  { header: "Address", grows: true, cell: (resource) => <Address resource={resource} /> },
  {
    header: "Id",
    wideOnly: true,
    cell: ({ resourceId }) => (
      <span className="block max-w-64 truncate font-mono text-xs" title={resourceId}>
        {resourceId}
      </span>
    ),
  },
  {
    header: "Provider",
    wideOnly: true,
    cell: ({ provider }) => (
      <span className="quiet block max-w-56 truncate text-xs" title={provider}>
        {provider}
      </span>
    ),
  },
];

/** The resource instances of a state. */
export function Resources({ stateVersionId }: { readonly stateVersionId: string }) {
  const [search, setSearch] = useUrlState("address");
  const [page, setPage] = useUrlState("page");
  const { data, error, refetch } = useQuery(
    StateService.method.listStateResources,
    { stateVersionId, search, pageToken: page },
    { placeholderData: keepPreviousData },
  );
  return (
    <Section
      title="Resources"
      actions={<SearchBox label="Address" value={search} onChange={setSearch} testId="resources-search" />}
    >
      {error !== null && (
        <ErrorNote error={error} what="The resources could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <DataTable
          label="Resources"
          columns={columns}
          rows={data.resources}
          rowKey={({ address }) => address}
          testId="resources"
          empty={
            <EmptyState title={search === "" ? "The state has no resources" : "No address has this text"}>
              {search === ""
                ? "Nothing has been applied, or everything was destroyed."
                : "Clear the filter to see all."}
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Section>
  );
}

const Address = ({ resource: { address, data, tainted } }: { readonly resource: StateResource }) => (
  <span className="flex min-w-0 items-center gap-2">
    <span className="min-w-0 truncate font-mono text-xs" title={address}>
      {address}
    </span>
    {data && <span className="quiet shrink-0 text-xs">data source</span>}
    {tainted && <StatusBadge tone="wait" text="tainted" title="It will be replaced" />}
  </span>
);
