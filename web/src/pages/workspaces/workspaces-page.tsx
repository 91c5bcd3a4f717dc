import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { useLack } from "../../app/permission.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { executionModes, modeWords } from "../../words/execution.ts";
import { CreateWorkspaceDialog } from "./create-workspace-dialog.tsx";
import { cliFor, filterRequest } from "./workspace-filter.ts";
import { WorkspacesTable } from "./workspaces-table.tsx";

const modeOptions = [
  { value: "", label: "Anywhere" },
  ...executionModes.map((mode) => ({ value: modeWords(mode).flag, label: modeWords(mode).text })),
];

const stateOptions = [
  { value: "", label: "All" },
  { value: "locked", label: "Locked" },
  { value: "needs-decision", label: "Needs a person" },
] as const;

export function WorkspacesPage() {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const [search, setSearch] = useUrlState("q");
  const [pool, setPool] = useUrlState("pool");
  const [tags, setTags] = useUrlState("tags");
  const [mode, setMode] = useUrlState("mode");
  const [state, setState] = useUrlState("state");
  const [page, setPage] = useUrlState("page");
  const [isCreating, setIsCreating] = useState(false);
  const lack = useLack(Permission.OPERATE);
  const filter = { search, pool, tags, mode, state };
  const { data, error, refetch } = useQuery(
    WorkspaceService.method.listWorkspaces,
    { organization, pageToken: page, ...filterRequest(filter) },
    { placeholderData: keepPreviousData },
  );
  const isFiltered = Object.values(filter).some((value) => value !== "");
  const create = (
    <ActionButton onClick={() => setIsCreating(true)} testId="create-workspace" tone="primary" disabledReason={lack}>
      Create workspace
    </ActionButton>
  );
  return (
    <Page title="Workspaces" cli={`${cliFor(filter)}${orgFlag}`} actions={create}>
      <div className="flex flex-wrap items-center gap-2">
        <SearchBox label="Name or description" value={search} onChange={setSearch} testId="ws-search" />
        <SearchBox label="Pool" value={pool} onChange={setPool} testId="ws-pool" />
        <SearchBox label="Tags, such as prod,team:net" value={tags} onChange={setTags} testId="ws-tags" />
        <SelectField label="Runs where" options={modeOptions} value={mode} onChange={setMode} testId="ws-mode" isBare />
        <SelectField label="State" options={stateOptions} value={state} onChange={setState} testId="ws-state" isBare />
      </div>
      {error !== null && (
        <ErrorNote error={error} what="The workspaces could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <WorkspacesTable
          workspaces={data.workspaces}
          empty={
            isFiltered ? (
              <EmptyState title="No workspace fits these filters">Clear a filter to see more.</EmptyState>
            ) : (
              <EmptyState title="No workspaces yet" action={create} cli={`windlass workspace create network${orgFlag}`}>
                A workspace has a state, variables and runs: one for each configuration and environment.
              </EmptyState>
            )
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
      {isCreating && <CreateWorkspaceDialog onClose={() => setIsCreating(false)} />}
    </Page>
  );
}
