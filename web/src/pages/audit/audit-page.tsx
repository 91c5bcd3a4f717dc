import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { type AuditEvent, AuditService } from "../../../../src/gen/windlass/v1/audit_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { useLack } from "../../app/permission.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { callerName } from "../../words/caller.ts";
import { auditCommand, auditRequest, csvAddress } from "./audit-filter.ts";
import { TimeField } from "./time-field.tsx";

const columns: readonly Column<AuditEvent>[] = [
  { header: "When", cell: ({ time }) => <RelativeTime time={time} /> },
  {
    header: "Who",
    cell: ({ actor }) => (
      <span className="block max-w-40 truncate" title={actor}>
        {callerName(actor)}
      </span>
    ),
  },
  { header: "What", cell: ({ action }) => <span className="font-mono text-xs">{action}</span> },
  { header: "About", grows: true, cell: (event) => <About event={event} /> },
  { header: "From", wideOnly: true, cell: ({ address }) => <span className="quiet font-mono text-xs">{address}</span> },
];

/** Who changed what. Only what was done is recorded: refused calls are not in it. */
export function AuditPage() {
  const organization = useOrganization();
  const [action, setAction] = useUrlState("action");
  const [actor, setActor] = useUrlState("actor");
  const [resource, setResource] = useUrlState("resource");
  const [since, setSince] = useUrlState("since");
  const [until, setUntil] = useUrlState("until");
  const [page, setPage] = useUrlState("page");
  const lack = useLack(Permission.OWN);
  const filter = { action, actor, resource, since, until };
  const isFiltered = Object.values(filter).some((value) => value !== "");
  const { data, error, refetch } = useQuery(
    AuditService.method.listAuditEvents,
    { organization, pageToken: page, filter: auditRequest(filter) },
    { placeholderData: keepPreviousData, enabled: lack === undefined },
  );
  const csv = lack === undefined && (
    <a
      href={csvAddress(organization, filter)}
      download
      className="btn btn-sm btn-outline border-base-300"
      data-testid="audit-csv"
    >
      Download CSV
    </a>
  );
  return (
    <Page title="Audit" cli={`${auditCommand(filter)}${useOrgFlag()}`} actions={csv}>
      <div className="flex flex-wrap items-end gap-2">
        <SearchBox label="Action, such as pool." value={action} onChange={setAction} testId="audit-action" />
        <SearchBox label="Who" value={actor} onChange={setActor} testId="audit-actor" />
        <SearchBox label="Id of what it was done to" value={resource} onChange={setResource} testId="audit-resource" />
        <TimeField label="Since" value={since} onChange={setSince} testId="audit-since" />
        <TimeField label="Until" value={until} onChange={setUntil} testId="audit-until" />
      </div>
      {lack !== undefined && <p className="panel px-4 py-3">{lack}.</p>}
      {error !== null && <ErrorNote error={error} what="The records could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <DataTable
          label="Audit records"
          columns={columns}
          rows={data.events}
          rowKey={({ id }) => id}
          testId="audit"
          empty={
            <EmptyState title={isFiltered ? "No record fits these filters" : "No records yet"}>
              Every change is recorded, with who made it and from where.{isFiltered && " Clear a filter to see more."}
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Page>
  );
}

function About({ event: { resource, detail } }: { readonly event: AuditEvent }) {
  const facts = Object.entries(detail)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");
  return (
    <span className="block min-w-40 truncate" title={`${resource} ${facts}`}>
      <span className="font-mono text-xs">{resource}</span> <span className="quiet">{facts}</span>
    </span>
  );
}
