import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { type Variable, VariableCategory } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../../../src/gen/windlass/v1/variable_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { VariableDialog } from "./variable-dialog.tsx";
import { ownerFlag, ownerInput, type VariableOwner, variableAnswers } from "./variable-owner.ts";
import { VariableValue } from "./variable-value.tsx";

interface VariablesTableProps {
  readonly owner: VariableOwner;
  readonly title: string;
  readonly lead: string;
}

interface ColumnsProps {
  readonly owner: VariableOwner;
  readonly lack: string | undefined;
  readonly onEdit: (variable: Variable) => void;
}

const columnsOf = ({ owner, lack, onEdit }: ColumnsProps): readonly Column<Variable>[] => [
  { header: "Key", cell: ({ key, description }) => <Key name={key} description={description} /> },
  { header: "Value", grows: true, cell: (variable) => <VariableValue variable={variable} /> },
  { header: "Kind", wideOnly: true, cell: (variable) => kindText(variable) },
  { header: "Changed", wideOnly: true, align: "right", cell: ({ updateTime }) => <RelativeTime time={updateTime} /> },
  {
    header: "Actions",
    align: "right",
    cell: (variable) => (
      <VariableActions variable={variable} owner={owner} lack={lack} onEdit={() => onEdit(variable)} />
    ),
  },
];

/** The variables of a workspace or a set, to be changed. */
export function VariablesTable({ owner, title, lead }: VariablesTableProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const lack = useLack(Permission.OPERATE);
  const [page, setPage] = useUrlState("page");
  const [edited, setEdited] = useState<Variable | "new">();
  const { data, error, refetch } = useQuery(
    VariableService.method.listVariables,
    { organization, pageToken: page, ...ownerInput(owner) },
    { placeholderData: keepPreviousData },
  );
  const add = (
    <ActionButton onClick={() => setEdited("new")} testId="add-variable" tone="primary" disabledReason={lack}>
      Add variable
    </ActionButton>
  );
  return (
    <Section title={title} lead={lead} actions={add}>
      {error !== null && (
        <ErrorNote error={error} what="The variables could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <DataTable
          label={title}
          columns={columnsOf({ owner, lack, onEdit: setEdited })}
          rows={data.variables}
          rowKey={({ id }) => id}
          testId="variables"
          empty={
            <EmptyState
              title="No variables"
              action={add}
              cli={`windlass var set ${ownerFlag(owner)} region=eu-west-1${orgFlag}`}
            >
              Runs get them as input variables of terraform, or in its environment.
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
      {edited !== undefined && (
        <VariableDialog
          owner={owner}
          variable={edited === "new" ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </Section>
  );
}

export const kindText = ({ category, hcl }: Pick<Variable, "category" | "hcl">): string =>
  category === VariableCategory.ENV ? "environment" : hcl ? "terraform, HCL" : "terraform";

export const Key = ({ name, description }: { readonly name: string; readonly description: string }) => (
  <span className="block max-w-64 truncate" title={description}>
    <span className="font-mono text-xs">{name}</span>
    {description !== "" && <span className="quiet block truncate text-xs">{description}</span>}
  </span>
);

interface VariableActionsProps {
  readonly variable: Variable;
  readonly owner: VariableOwner;
  readonly lack: string | undefined;
  readonly onEdit: () => void;
}

function VariableActions({ variable: { key, category }, owner, lack, onEdit }: VariableActionsProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const [asks, setAsks] = useState(false);
  const remove = useCall(VariableService.method.deleteVariable, variableAnswers);
  const env = category === VariableCategory.ENV ? " --env" : "";
  return (
    <span className="inline-flex gap-1.5">
      <ActionButton size="xs" onClick={onEdit} testId="edit-variable" disabledReason={lack}>
        Edit
      </ActionButton>
      <ActionButton size="xs" onClick={() => setAsks(true)} testId="delete-variable" disabledReason={lack}>
        Delete
      </ActionButton>
      {asks && (
        <ConfirmDialog
          title={`Delete ${key}?`}
          action="Delete"
          cli={`windlass var unset ${ownerFlag(owner)}${env} ${shellWord(key)}${orgFlag}`}
          onConfirm={() => remove({ organization, key, category, ...ownerInput(owner) })}
          onClose={() => setAsks(false)}
          testId="delete-variable-dialog"
        >
          <p>Runs that start from now on do not get it. A value cannot be brought back.</p>
        </ConfirmDialog>
      )}
    </span>
  );
}
