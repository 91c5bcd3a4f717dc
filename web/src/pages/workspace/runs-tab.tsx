import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { RunsTable } from "../runs/runs-table.tsx";
import type { WorkspaceTabProps } from "./workspace-page.tsx";

export function RunsTab({ workspace: { organization, name } }: WorkspaceTabProps) {
  const [page, setPage] = useUrlState("page");
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(
    RunService.method.listRuns,
    { organization, workspace: name, pageToken: page },
    { placeholderData: keepPreviousData },
  );
  return (
    <>
      {error !== null && <ErrorNote error={error} what="Its runs could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <RunsTable
          runs={data.runs}
          hasWorkspace={false}
          empty={
            <EmptyState title="No runs yet" cli={`windlass run start ${shellWord(name)} --dir .${orgFlag}`}>
              A run plans the workspace's configuration, and applies it once somebody has confirmed the plan. The
              command uploads the configuration.
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </>
  );
}
