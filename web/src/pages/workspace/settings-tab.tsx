import { useLocation } from "wouter";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { maskPath } from "../../data/edits.ts";
import { violationOf } from "../../data/problem.ts";
import { useCall } from "../../data/use-call.ts";
import { type Edit, useEdit } from "../../data/use-edit.ts";
import { CheckField, Field, SelectField } from "../../ui/field.tsx";
import { editCommand } from "../../ui/forms/edit-command.ts";
import { EditForm } from "../../ui/forms/edit-form.tsx";
import { executionModes, modeOf, modeWords } from "../../words/execution.ts";
import { PoolField } from "../workspaces/pool-field.tsx";
import { DeleteWorkspace } from "./delete-workspace.tsx";
import { changesOf, formOf, mistakesOf, type WorkspaceForm, withMode } from "./workspace-form.ts";
import type { WorkspaceTabProps } from "./workspace-page.tsx";

export function SettingsTab({ workspace }: WorkspaceTabProps) {
  return (
    <>
      <EditWorkspace key={workspace.id} workspace={workspace} />
      <DeleteWorkspace workspace={workspace} />
    </>
  );
}

const flagNames = {
  // Another mode takes it from its pool by itself.
  agentPool: (pool: string) => (pool === "" ? "" : `--pool ${pool}`),
  tags: "tag",
  remoteStateConsumers: "share-state-with",
  sharesStateWithOrganization: "share-state",
} as const;

function EditWorkspace({ workspace }: WorkspaceTabProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const lack = useLack(Permission.OPERATE);
  const update = useCall(WorkspaceService.method.updateWorkspace, [
    "GetWorkspace",
    "ListWorkspaces",
    "ListAgentPools",
    "GetAgentPoolOverview",
  ]);
  const read = formOf(workspace);
  const edit = useEdit(read, workspace.etag);
  const mistakes = mistakesOf(edit.draft);
  const save = () =>
    edit.save(async (paths, etag) => {
      await update({
        workspace: workspace.id,
        changes: changesOf(edit.draft),
        updateMask: { paths: [...paths] },
        etag,
      });
      if (edit.draft.name !== workspace.name) navigate(path("ws", edit.draft.name, "settings"), { replace: true });
    });
  const mistake = Object.values(mistakes)[0];
  return (
    <EditForm
      title="Settings"
      edit={edit}
      onSave={() => void save()}
      lack={lack ?? mistake}
      failed="The workspace was not changed"
      cli={`${editCommand(`windlass workspace edit ${shellWord(workspace.name)}`, edit, flagNames)}${orgFlag}`}
      testId="edit-workspace"
    >
      <GeneralFields edit={edit} mistakes={mistakes} />
      <PlaceFields edit={edit} mistakes={mistakes} read={read} />
      <EngineFields edit={edit} mistakes={mistakes} />
      <LimitFields edit={edit} mistakes={mistakes} />
      <SharingFields edit={edit} mistakes={mistakes} />
    </EditForm>
  );
}

interface FieldsProps {
  readonly edit: Edit<WorkspaceForm>;
  readonly mistakes: Readonly<Record<string, string>>;
}

type TextField = {
  [Name in keyof WorkspaceForm]: WorkspaceForm[Name] extends string ? Name : never;
}[keyof WorkspaceForm] &
  string;

interface TextProps extends FieldsProps {
  readonly name: TextField;
  readonly label: string;
  readonly hint?: string;
  readonly mono?: boolean;
}

/** A text of the form, with what is wrong with it, or what somebody else has made of it. */
function Text({ edit, mistakes, name, label, hint, mono = false }: TextProps) {
  return (
    <Field
      label={label}
      value={`${edit.draft[name] ?? ""}`}
      onChange={(value) => edit.change({ [name]: value })}
      error={mistakes[name] ?? violationOf(edit.problem, maskPath(name)) ?? edit.told(name)}
      hint={hint}
      testId={`workspace-${maskPath(name).replaceAll("_", "-")}`}
      mono={mono}
    />
  );
}

function GeneralFields(props: FieldsProps) {
  return (
    <>
      <Text
        {...props}
        name="name"
        label="Name"
        hint="Links and cloud blocks have the name: they break when it changes."
        mono
      />
      <Text {...props} name="description" label="Description" />
      <Text {...props} name="tags" label="Tags" hint="Separated by commas: prod, team:network." mono />
    </>
  );
}

const modeOptions = executionModes.map((mode) => ({
  value: modeWords(mode).flag,
  label: `${modeWords(mode).text}: ${modeWords(mode).about}`,
}));

function PlaceFields({ edit, mistakes, read }: FieldsProps & { readonly read: WorkspaceForm }) {
  const { draft, problem } = edit;
  const isAgent = draft.executionMode === "agent";
  return (
    <fieldset className="space-y-4 border-base-300 border-t pt-4">
      <legend className="sr-only">Where it runs</legend>
      <SelectField
        label="Execution mode"
        options={modeOptions}
        value={modeWords(modeOf(draft.executionMode)).flag}
        onChange={(mode) => edit.change(withMode(mode, read))}
        error={violationOf(problem, "execution_mode") ?? edit.told("executionMode")}
        testId="workspace-execution-mode"
      />
      {isAgent && (
        <>
          <PoolField
            value={draft.agentPool}
            onChange={(agentPool) => edit.change({ agentPool })}
            workspace={draft.name}
            error={violationOf(problem, "agent_pool") ?? edit.told("agentPool")}
            hint={mistakes.agentPool}
          />
          <Text
            edit={edit}
            mistakes={mistakes}
            name="agentSelector"
            label="Agents with these labels"
            hint="Such as zone=a,gpu,!spot. Empty is any agent of the pool."
            mono
          />
        </>
      )}
    </fieldset>
  );
}

const engineOptions = [
  { value: "terraform", label: "Terraform" },
  { value: "tofu", label: "OpenTofu" },
];

function EngineFields({ edit, mistakes }: FieldsProps) {
  const props = { edit, mistakes };
  return (
    <fieldset className="space-y-4 border-base-300 border-t pt-4">
      <legend className="sr-only">What it runs</legend>
      <SelectField
        label="Engine"
        options={engineOptions}
        value={edit.draft.engine}
        onChange={(engine) => edit.change({ engine })}
        error={violationOf(edit.problem, "engine") ?? edit.told("engine")}
        hint="A plan that waits is applied by the program that made it."
        testId="workspace-engine"
      />
      <Text
        {...props}
        name="engineVersion"
        label="Engine version"
        hint="1.11.4, 1.11 (any 1.11.x) or ~> 1.11. Empty is whatever the agent has."
        mono
      />
      <Text
        {...props}
        name="workingDirectory"
        label="Working directory"
        hint="Within the configuration. Empty is its root."
        mono
      />
      <CheckField
        label="Apply without asking"
        hint="Plans with changes are applied at once. Otherwise somebody confirms each."
        isChecked={edit.draft.autoApply}
        onChange={(autoApply) => edit.change({ autoApply })}
        testId="workspace-auto-apply"
      />
    </fieldset>
  );
}

function LimitFields(props: FieldsProps) {
  return (
    <fieldset className="space-y-4 border-base-300 border-t pt-4">
      <legend className="sr-only">Limits</legend>
      <Text {...props} name="initTimeout" label="Init may take" hint="Such as 10m. Empty is the server's limit." mono />
      <Text
        {...props}
        name="planTimeout"
        label="A plan may take"
        hint="Such as 30m. Empty is the server's limit."
        mono
      />
      <Text
        {...props}
        name="applyTimeout"
        label="An apply may take"
        hint="Such as 2h. Empty is the server's limit."
        mono
      />
      <Text {...props} name="parallelism" label="Operations at once" hint="Empty is the engine's default, 10." mono />
    </fieldset>
  );
}

function SharingFields({ edit, mistakes }: FieldsProps) {
  return (
    <fieldset className="space-y-4 border-base-300 border-t pt-4">
      <legend className="sr-only">Who reads its outputs</legend>
      <CheckField
        label="Every workspace of the organization may read its outputs"
        isChecked={edit.draft.sharesStateWithOrganization}
        onChange={(sharesStateWithOrganization) => edit.change({ sharesStateWithOrganization })}
        testId="workspace-shares-state"
      />
      {!edit.draft.sharesStateWithOrganization && (
        <Text
          edit={edit}
          mistakes={mistakes}
          name="remoteStateConsumers"
          label="Workspaces that may read its outputs"
          hint="Names, separated by commas; they need not exist yet."
          mono
        />
      )}
    </fieldset>
  );
}
