import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { useLocation } from "wouter";
import type { Organization } from "../../../../src/gen/windlass/v1/organization_pb.ts";
import { OrganizationService } from "../../../../src/gen/windlass/v1/organization_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { nameHint, TextFields } from "../../ui/forms/text-fields.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { DeleteOrganization } from "./delete-organization.tsx";
import { EditOrganization } from "./edit-organization.tsx";

const columns: readonly Column<Organization>[] = [
  { header: "Organization", cell: ({ name }) => name, grows: true },
  {
    header: "Agents",
    align: "right",
    cell: ({ connectedAgents, maxAgents }) => `${connectedAgents}${maxAgents === 0 ? "" : ` of ${maxAgents}`}`,
  },
  {
    header: "Most workspaces",
    align: "right",
    wideOnly: true,
    cell: ({ maxWorkspaces }) => (maxWorkspaces === 0 ? <span className="quiet">no limit</span> : maxWorkspaces),
  },
  { header: "Created", align: "right", cell: ({ createTime }) => <RelativeTime time={createTime} /> },
];

/** This organization's settings, and the others that the caller sees. */
export function OrganizationsPart() {
  const name = useOrganization();
  const [page, setPage] = useUrlState("page");
  const [isCreating, setIsCreating] = useState(false);
  const lack = useLack(Permission.ADMINISTER_SITE);
  const mine = useQuery(OrganizationService.method.getOrganization, { organization: name });
  const all = useQuery(OrganizationService.method.listOrganizations, { pageToken: page });
  const organization = mine.data?.organization;
  return (
    <>
      {mine.error !== null && (
        <ErrorNote error={mine.error} what="The organization could not be read" retry={() => void mine.refetch()} />
      )}
      {organization !== undefined && <EditOrganization key={organization.id} organization={organization} />}
      <Section
        title="Organizations"
        lead="Each has its own pools, workspaces, variables and keys."
        actions={
          <ActionButton onClick={() => setIsCreating(true)} testId="create-organization" disabledReason={lack}>
            Create organization
          </ActionButton>
        }
      >
        {all.error !== null && (
          <ErrorNote error={all.error} what="The organizations could not be read" retry={() => void all.refetch()} />
        )}
        {all.data !== undefined && (
          <DataTable
            label="Organizations"
            columns={columns}
            rows={all.data.organizations}
            rowKey={({ id }) => id}
            href={(one) => `/o/${encodeURIComponent(one.name)}/settings/organizations`}
            testId="organizations"
            empty={<EmptyState title="None">Your key sees no organization.</EmptyState>}
          />
        )}
        <Pagination token={page} nextToken={all.data?.nextPageToken ?? ""} onChange={setPage} />
      </Section>
      {organization !== undefined && <DeleteOrganization organization={organization} />}
      {isCreating && <CreateOrganizationDialog onClose={() => setIsCreating(false)} />}
    </>
  );
}

const named = [
  { name: "name", label: "Name", hint: nameHint, mono: true },
  { name: "email", label: "Contact", hint: "An e-mail address, for people." },
] as const;

function CreateOrganizationDialog({ onClose }: { readonly onClose: () => void }) {
  const [, navigate] = useLocation();
  const attempt = useAttempt();
  const create = useCall(OrganizationService.method.createOrganization, ["ListOrganizations", "WhoAmI"]);
  const [texts, setTexts] = useState({ name: "", email: "" });
  const { name, email } = texts;
  const submit = () =>
    attempt.run(async () => {
      await create({ name, email });
      navigate(`/o/${encodeURIComponent(name)}/settings/organizations`);
    });
  return (
    <FormDialog
      title="Create organization"
      action="Create organization"
      attempt={attempt}
      failed="The organization was not created"
      onSubmit={() => void submit()}
      onClose={onClose}
      cli={`windlass org create ${name === "" ? "NAME" : shellWord(name)}${email === "" ? "" : ` --email ${shellWord(email)}`}`}
      blocked={name === "" ? "It needs a name" : undefined}
      testId="create-organization-dialog"
    >
      <TextFields
        fields={named}
        values={texts}
        onChange={(field, value) => setTexts({ ...texts, [field]: value })}
        about={(field) => violationOf(attempt.problem, field)}
        testId="organization"
      />
    </FormDialog>
  );
}
