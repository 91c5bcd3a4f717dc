import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import type { EffectiveVariable } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../../../src/gen/windlass/v1/variable_service_pb.ts";
import type { Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { usePath } from "../../app/organization.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { VariableValue } from "./variable-value.tsx";
import { Key, kindText } from "./variables-table.tsx";

const columns: readonly Column<EffectiveVariable>[] = [
  { header: "Key", cell: ({ variable }) => <Key name={variable?.key ?? ""} description="" /> },
  {
    header: "Value",
    grows: true,
    cell: ({ variable }) => variable !== undefined && <VariableValue variable={variable} />,
  },
  { header: "Kind", wideOnly: true, cell: ({ variable }) => variable !== undefined && kindText(variable) },
  { header: "Comes from", cell: (one) => <Source effective={one} /> },
];

/** What a run would get, and where each value comes from. */
export function EffectiveVariables({ workspace }: { readonly workspace: Workspace }) {
  const [page, setPage] = useUrlState("effective");
  const { organization, name } = workspace;
  const { data, error, refetch } = useQuery(VariableService.method.listEffectiveVariables, {
    organization,
    workspace: name,
    pageToken: page,
  });
  return (
    <Section
      title="What a run gets"
      lead="Priority sets win over the workspace's own variables, these over sets attached to it, and these over global sets."
    >
      {error !== null && (
        <ErrorNote error={error} what="What a run gets could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <DataTable
          label="What a run gets"
          columns={columns}
          rows={data.variables}
          rowKey={({ variable }) => `${variable?.category} ${variable?.key}`}
          testId="effective-variables"
          empty={<EmptyState title="Nothing">A run gets no variables.</EmptyState>}
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Section>
  );
}

function Source({ effective: { variableSet, overrides } }: { readonly effective: EffectiveVariable }) {
  const path = usePath();
  return (
    <span className="block">
      {variableSet === "" ? (
        "this workspace"
      ) : (
        <Link href={path("settings", "variable-sets", variableSet)} className="underline-offset-2 hover:underline">
          set {variableSet}
        </Link>
      )}
      {overrides.length > 0 && (
        <span className="quiet block max-w-48 truncate text-xs" title={overrides.join(", ")}>
          hides {overrides.join(", ")}
        </span>
      )}
    </span>
  );
}
