import type { MessageInitShape } from "@bufbuild/protobuf";
import { useLocation } from "wouter";
import type { Organization, OrganizationSchema } from "../../../../src/gen/windlass/v1/organization_pb.ts";
import { OrganizationService } from "../../../../src/gen/windlass/v1/organization_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useLack } from "../../app/permission.ts";
import { maskPath } from "../../data/edits.ts";
import { violationOf } from "../../data/problem.ts";
import { useCall } from "../../data/use-call.ts";
import { type Edit, useEdit } from "../../data/use-edit.ts";
import { CheckField, SelectField } from "../../ui/field.tsx";
import { editCommand } from "../../ui/forms/edit-command.ts";
import { EditForm } from "../../ui/forms/edit-form.tsx";
import { type TextFieldSpec, TextFields } from "../../ui/forms/text-fields.tsx";
import { engineFlag, engineOf, executionModes, modeOf, modeWords } from "../../words/execution.ts";
import { PoolField } from "../workspaces/pool-field.tsx";

type OrganizationForm = {
  readonly name: string;
  readonly email: string;
  readonly maxAgents: string;
  readonly maxWorkspaces: string;
  readonly defaultExecutionMode: string;
  readonly defaultAgentPool: string;
  readonly defaultEngine: string;
  readonly defaultEngineVersion: string;
  readonly protectsState: boolean;
};

const formOf = (organization: Organization): OrganizationForm => {
  const { name, email, maxAgents, maxWorkspaces, defaultAgentPool, defaultEngineVersion, protectsState } = organization;
  return {
    ...{ name, email, defaultAgentPool, defaultEngineVersion, protectsState },
    maxAgents: `${maxAgents}`,
    maxWorkspaces: `${maxWorkspaces}`,
    defaultExecutionMode: modeWords(organization.defaultExecutionMode).flag,
    defaultEngine: engineFlag(organization.defaultEngine),
  };
};

const changesOf = (form: OrganizationForm): MessageInitShape<typeof OrganizationSchema> => {
  const { name, email, defaultAgentPool, defaultEngineVersion, protectsState } = form;
  return {
    ...{ name, email, defaultAgentPool, defaultEngineVersion, protectsState },
    maxAgents: Number(form.maxAgents),
    maxWorkspaces: Number(form.maxWorkspaces),
    defaultExecutionMode: modeOf(form.defaultExecutionMode),
    defaultEngine: engineOf(form.defaultEngine),
  };
};

const modeOptions = executionModes.map((mode) => ({ value: modeWords(mode).flag, label: modeWords(mode).text }));
const engineOptions = [
  { value: "terraform", label: "Terraform" },
  { value: "tofu", label: "OpenTofu" },
];

const flagNames = { protectsState: (isOn: boolean) => `--protect-state ${isOn ? "yes" : "no"}` };

/** The settings of an organization. */
export function EditOrganization({ organization }: { readonly organization: Organization }) {
  const [, navigate] = useLocation();
  const lack = useLack(Permission.OWN);
  const update = useCall(OrganizationService.method.updateOrganization, [
    "GetOrganization",
    "ListOrganizations",
    "WhoAmI",
  ]);
  const edit = useEdit(formOf(organization), organization.etag);
  const { draft } = edit;
  const about = (name: keyof OrganizationForm) => violationOf(edit.problem, maskPath(name)) ?? edit.told(name);
  const isBad = ![draft.maxAgents, draft.maxWorkspaces].every((text) => /^\d{1,7}$/.test(text));
  const needsPool =
    draft.defaultExecutionMode === "agent" && draft.defaultAgentPool === ""
      ? "Choose the pool for new workspaces"
      : undefined;
  const save = () =>
    edit.save(async (paths, etag) => {
      await update({
        organization: organization.id,
        changes: changesOf(draft),
        updateMask: { paths: [...paths] },
        etag,
      });
      if (draft.name !== organization.name)
        navigate(`/o/${encodeURIComponent(draft.name)}/settings/organizations`, { replace: true });
    });
  return (
    <EditForm
      title={`Settings of ${organization.name}`}
      edit={edit}
      onSave={() => void save()}
      lack={lack ?? needsPool ?? (isBad ? "The limits are numbers; 0 is no limit" : undefined)}
      failed="The organization was not changed"
      cli={editCommand(`windlass org edit ${shellWord(organization.name)}`, edit, flagNames)}
      testId="edit-organization"
    >
      <Texts edit={edit} about={about} fields={named} />
      <DefaultFields edit={edit} about={about} pool={organization.defaultAgentPool} />
      <LimitFields edit={edit} about={about} />
    </EditForm>
  );
}

interface OrganizationFieldsProps {
  readonly edit: Edit<OrganizationForm>;
  /** What is wrong with a field, or what somebody else has made of it. */
  readonly about: (name: keyof OrganizationForm) => string | undefined;
}

type TextName = Exclude<keyof OrganizationForm, "protectsState">;

interface TextsProps extends OrganizationFieldsProps {
  readonly fields: readonly TextFieldSpec<TextName>[];
}

const Texts = ({ edit: { draft, change }, about, fields }: TextsProps) => (
  <TextFields
    fields={fields}
    values={draft}
    onChange={(name, value) => change({ [name]: value })}
    about={about}
    testId="organization"
  />
);

const named: TextsProps["fields"] = [
  {
    name: "name",
    label: "Name",
    hint: "Addresses and cloud blocks have it: they break when it changes.",
    mono: true,
  },
  { name: "email", label: "Contact" },
];

const version: TextsProps["fields"] = [
  { name: "defaultEngineVersion", label: "Its version", hint: "Empty is whatever the agent has.", mono: true },
];

/** What workspaces get that are made without a wish of their own. */
function DefaultFields({ edit, about, pool }: OrganizationFieldsProps & { readonly pool: string }) {
  const { draft, change } = edit;
  const choose = (mode: string) =>
    change({ defaultExecutionMode: mode, defaultAgentPool: mode === "agent" ? pool : "" });
  return (
    <>
      <SelectField
        label="New workspaces run"
        options={modeOptions}
        value={draft.defaultExecutionMode}
        onChange={choose}
        error={about("defaultExecutionMode")}
        testId="organization-mode"
      />
      {draft.defaultExecutionMode === "agent" && (
        <PoolField
          value={draft.defaultAgentPool}
          onChange={(defaultAgentPool) => change({ defaultAgentPool })}
          workspace=""
          error={about("defaultAgentPool")}
        />
      )}
      <SelectField
        label="Engine of new workspaces"
        options={engineOptions}
        value={draft.defaultEngine}
        onChange={(defaultEngine) => change({ defaultEngine })}
        error={about("defaultEngine")}
        testId="organization-engine"
      />
      <Texts edit={edit} about={about} fields={version} />
    </>
  );
}

function LimitFields({ edit, about }: OrganizationFieldsProps) {
  const { draft, change } = edit;
  const site = useLack(Permission.ADMINISTER_SITE);
  const hint = site === undefined ? "0 is no limit." : "Only site admins change it. 0 is no limit.";
  const limits = [
    { name: "maxAgents", label: "Most agents at once", hint: "0 is no limit.", mono: true },
    { name: "maxWorkspaces", label: "Most workspaces", hint, mono: true },
  ] as const;
  return (
    <>
      <Texts edit={edit} about={about} fields={limits} />
      <CheckField
        label="Protect states"
        hint="Only owners may delete workspaces that have resources by force; otherwise operators may too."
        isChecked={draft.protectsState}
        onChange={(protectsState) => change({ protectsState })}
        testId="organization-protects-state"
      />
    </>
  );
}
