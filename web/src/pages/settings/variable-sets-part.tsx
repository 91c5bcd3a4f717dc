import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import type { VariableSet } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { VariableSetService } from "../../../../src/gen/windlass/v1/variable_set_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { CheckField } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { nameHint, TextFields } from "../../ui/forms/text-fields.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";

const columns: readonly Column<VariableSet>[] = [
  { header: "Set", cell: ({ name }) => name },
  { header: "Variables", align: "right", cell: ({ variableCount }) => variableCount },
  {
    header: "Goes to",
    cell: ({ isGlobal, workspaces }) => (isGlobal ? "every workspace" : `${workspaces.length} attached`),
  },
  {
    header: "Description",
    grows: true,
    wideOnly: true,
    cell: ({ description }) => <span title={description}>{description}</span>,
  },
  { header: "Changed", align: "right", cell: ({ updateTime }) => <RelativeTime time={updateTime} /> },
];

/** Variables that several workspaces get. */
export function VariableSetsPart() {
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [page, setPage] = useUrlState("page");
  const [isCreating, setIsCreating] = useState(false);
  const lack = useLack(Permission.OPERATE);
  const { data, error, refetch } = useQuery(VariableSetService.method.listVariableSets, {
    organization,
    pageToken: page,
  });
  const create = (
    <ActionButton onClick={() => setIsCreating(true)} testId="create-set" tone="primary" disabledReason={lack}>
      Create set
    </ActionButton>
  );
  return (
    <Section title="Variable sets" lead="Variables that several workspaces get." actions={create}>
      {error !== null && (
        <ErrorNote error={error} what="The variable sets could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <DataTable
          label="Variable sets"
          columns={columns}
          rows={data.variableSets}
          rowKey={({ id }) => id}
          href={({ name }) => path("settings", "variable-sets", name)}
          testId="sets"
          empty={
            <EmptyState title="No variable sets" action={create} cli={`windlass varset create cloud${orgFlag}`}>
              Keep what many workspaces share in one place, such as the credentials of a cloud.
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
      {isCreating && <CreateSetDialog onClose={() => setIsCreating(false)} />}
    </Section>
  );
}

const named = [
  { name: "name", label: "Name", hint: nameHint, mono: true },
  { name: "description", label: "Description" },
] as const;

function CreateSetDialog({ onClose }: { readonly onClose: () => void }) {
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const attempt = useAttempt();
  const createSet = useCall(VariableSetService.method.createVariableSet, ["ListVariableSets"]);
  const [texts, setTexts] = useState({ name: "", description: "" });
  const { name, description } = texts;
  const [isGlobal, setIsGlobal] = useState(false);
  const submit = () =>
    attempt.run(async () => {
      await createSet({ organization, variableSet: { name, description, isGlobal } });
      navigate(path("settings", "variable-sets", name));
    });
  const flags = `${isGlobal ? " --global" : ""}${description === "" ? "" : ` --description ${shellWord(description)}`}`;
  return (
    <FormDialog
      title="Create variable set"
      action="Create set"
      attempt={attempt}
      failed="The set was not created"
      onSubmit={() => void submit()}
      onClose={onClose}
      cli={`windlass varset create ${name === "" ? "NAME" : shellWord(name)}${flags}${orgFlag}`}
      blocked={name === "" ? "It needs a name" : undefined}
      testId="create-set-dialog"
    >
      <TextFields
        fields={named}
        values={texts}
        onChange={(field, value) => setTexts({ ...texts, [field]: value })}
        about={(field) => violationOf(attempt.problem, field)}
        testId="set"
      />
      <CheckField
        label="Every workspace gets it"
        hint="Otherwise only those that it is attached to."
        isChecked={isGlobal}
        onChange={setIsGlobal}
        testId="set-global"
      />
    </FormDialog>
  );
}
