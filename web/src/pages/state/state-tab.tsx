import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { Link } from "wouter";
import type { StateVersion } from "../../../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../../../src/gen/windlass/v1/state_service_pb.ts";
import type { Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { bytesText, shortId } from "../../ui/format.ts";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { callerName } from "../../words/caller.ts";
import { StateStatusBadge } from "../../words/state-status.tsx";

const columns: readonly Column<StateVersion>[] = [
  { header: "Serial", cell: ({ serial }) => `${serial}` },
  { header: "State", cell: (version) => <StateStatusBadge version={version} /> },
  { header: "From", cell: (version) => <Origin version={version} /> },
  {
    header: "Resources",
    align: "right",
    cell: ({ resourceCount, unreadReason }) =>
      unreadReason === "" ? (
        resourceCount
      ) : (
        <span className="quiet" title={unreadReason}>
          not read
        </span>
      ),
  },
  { header: "Size", align: "right", wideOnly: true, cell: ({ sizeBytes }) => bytesText(sizeBytes) },
  { header: "Written by", wideOnly: true, cell: ({ terraformVersion }) => terraformVersion },
  {
    header: "Note",
    grows: true,
    wideOnly: true,
    cell: ({ quarantineReason, unreadReason }) => (
      <span title={quarantineReason || unreadReason}>{quarantineReason || unreadReason}</span>
    ),
  },
  { header: "Stored", align: "right", cell: ({ createTime }) => <RelativeTime time={createTime} /> },
];

/** The states that a workspace had, and those that were kept aside. */
export function StateTab({ workspace }: { readonly workspace: Workspace }) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [page, setPage] = useUrlState("page");
  const [aside, setAside] = useUrlState("aside");
  const { data, error, refetch } = useQuery(
    StateService.method.listStateVersions,
    { organization: workspace.organization, workspace: workspace.name, pageToken: page, quarantined: aside !== "" },
    { placeholderData: keepPreviousData },
  );
  return (
    <Section
      title="State versions"
      lead="Each apply, push and rollback makes one. None is ever overwritten."
      actions={
        <ActionButton
          onClick={() => setAside(aside === "" ? "1" : "")}
          testId="states-aside"
          tone="quiet"
          isPressed={aside !== ""}
        >
          Only kept aside
        </ActionButton>
      }
    >
      {error !== null && <ErrorNote error={error} what="The states could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <DataTable
          label="State versions"
          columns={columns}
          rows={data.stateVersions}
          rowKey={({ id }) => id}
          href={({ id }) => path("ws", workspace.name, "state", id)}
          testId="states"
          empty={
            aside === "" ? (
              <EmptyState
                title="No state yet"
                cli={`windlass state push terraform.tfstate -w ${shellWord(workspace.name)}${orgFlag}`}
              >
                The first apply makes one. A state that you have already can be pushed.
              </EmptyState>
            ) : (
              <EmptyState title="Nothing is kept aside">
                A state that could not become the current one is kept here until somebody decides.
              </EmptyState>
            )
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Section>
  );
}

/** What made a state. */
export function Origin({ version: { runId, rollbackOf, createdBy } }: { readonly version: StateVersion }) {
  const path = usePath();
  if (runId !== "")
    return (
      <Link href={path("runs", runId)} className="relative z-10 font-mono text-xs underline-offset-2 hover:underline">
        {shortId(runId)}
      </Link>
    );
  return (
    <span>
      {rollbackOf === "" ? "pushed" : "rolled back"} by {callerName(createdBy)}
    </span>
  );
}
