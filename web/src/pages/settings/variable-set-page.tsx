import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { useLocation, useParams } from "wouter";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import type { VariableSet } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { VariableSetService } from "../../../../src/gen/windlass/v1/variable_set_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { useLack } from "../../app/permission.ts";
import { violationOf } from "../../data/problem.ts";
import { useCall } from "../../data/use-call.ts";
import { useEdit } from "../../data/use-edit.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { CheckField } from "../../ui/field.tsx";
import { countText } from "../../ui/format.ts";
import { editCommand } from "../../ui/forms/edit-command.ts";
import { EditForm } from "../../ui/forms/edit-form.tsx";
import { TextFields } from "../../ui/forms/text-fields.tsx";
import { variableAnswers } from "../variables/variable-owner.ts";
import { VariablesTable } from "../variables/variables-table.tsx";
import { SetWorkspaces } from "./set-workspaces.tsx";

export function VariableSetPage() {
  const { name } = useParams<{ readonly name: string }>();
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(VariableSetService.method.getVariableSet, {
    organization,
    variableSet: name,
  });
  const set = data?.variableSet;
  const crumbs = [
    { label: "Settings", href: path("settings") },
    { label: "Variable sets", href: path("settings", "variable-sets") },
  ];
  return (
    <Page title={name} crumbs={crumbs} cli={`windlass var list --set ${shellWord(name)}${orgFlag}`}>
      {error !== null && (
        <ErrorNote error={error} what="The variable set could not be read" retry={() => void refetch()} />
      )}
      {set !== undefined && (
        <>
          <VariablesTable
            owner={{ kind: "set", name: set.name }}
            title="Variables"
            lead="Every workspace that has this set gets them."
          />
          <SetWorkspaces set={set} />
          <EditSet key={set.id} set={set} />
          <DeleteSet set={set} />
        </>
      )}
    </Page>
  );
}

interface SetProps {
  readonly set: VariableSet;
}

const named = [
  { name: "name", label: "Name", mono: true },
  { name: "description", label: "Description" },
] as const;

function EditSet({ set }: SetProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const lack = useLack(Permission.OPERATE);
  const update = useCall(VariableSetService.method.updateVariableSet, variableAnswers);
  const { name, description, isGlobal, isPriority } = set;
  const edit = useEdit({ name, description, isGlobal, isPriority }, set.etag);
  const { draft, problem, change, told } = edit;
  const save = () =>
    edit.save(async (paths, etag) => {
      await update({
        organization: set.organization,
        variableSet: set.id,
        changes: draft,
        updateMask: { paths: [...paths] },
        etag,
      });
      if (draft.name !== name) navigate(path("settings", "variable-sets", draft.name), { replace: true });
    });
  return (
    <EditForm
      title="Settings"
      edit={edit}
      onSave={() => void save()}
      lack={lack}
      failed="The set was not changed"
      cli={`${editCommand(`windlass varset edit ${shellWord(set.name)}`, edit, { isGlobal: "global", isPriority: "priority" })}${orgFlag}`}
      testId="edit-set"
    >
      <TextFields
        fields={named}
        values={draft}
        onChange={(field, value) => change({ [field]: value })}
        about={(field) => violationOf(problem, field) ?? told(field)}
        testId="set"
      />
      <CheckField
        label="Every workspace gets it"
        isChecked={draft.isGlobal}
        onChange={(value) => change({ isGlobal: value })}
        testId="set-global"
      />
      <CheckField
        label="It wins over the workspaces' own variables"
        hint="Otherwise a workspace's own value wins over that of its sets."
        isChecked={draft.isPriority}
        onChange={(value) => change({ isPriority: value })}
        testId="set-priority"
      />
    </EditForm>
  );
}

function DeleteSet({ set }: SetProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const [asks, setAsks] = useState(false);
  const lack = useLack(Permission.OPERATE);
  const remove = useCall(VariableSetService.method.deleteVariableSet, ["ListVariableSets", "ListEffectiveVariables"]);
  const act = async () => {
    await remove({ organization: set.organization, variableSet: set.id });
    navigate(path("settings", "variable-sets"), { replace: true });
  };
  const losers = set.isGlobal ? "Every workspace loses" : `${countText(set.workspaces.length, "workspace")} lose`;
  return (
    <Section title="Delete this set" lead="Its variables go with it.">
      <ActionButton onClick={() => setAsks(true)} testId="delete-set" disabledReason={lack}>
        Delete set
      </ActionButton>
      {asks && (
        <ConfirmDialog
          title={`Delete ${set.name}?`}
          action="Delete set"
          typed={{ what: "variable set", name: set.name }}
          cli={`windlass varset delete ${shellWord(set.name)}${orgFlag}`}
          onConfirm={act}
          onClose={() => setAsks(false)}
          testId="delete-set-dialog"
        >
          <p>
            {losers} {countText(set.variableCount, "variable")}. Values cannot be brought back.
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
