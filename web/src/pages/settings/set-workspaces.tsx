import { useState } from "react";
import { Link } from "wouter";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import type { VariableSet } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { VariableSetService } from "../../../../src/gen/windlass/v1/variable_set_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Field } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { splitNames } from "../../ui/forms/names.ts";
import { variableAnswers } from "../variables/variable-owner.ts";

/** Which workspaces get a set. */
export function SetWorkspaces({ set }: { readonly set: VariableSet }) {
  const path = usePath();
  const attempt = useAttempt();
  const [asks, setAsks] = useState(false);
  const lack = useLack(Permission.OPERATE);
  const detach = useCall(VariableSetService.method.detachVariableSet, variableAnswers);
  const all = set.isGlobal ? "Every workspace gets it already" : undefined;
  return (
    <Section
      title="Workspaces"
      lead={set.isGlobal ? "Every workspace of the organization gets this set." : "These workspaces get this set."}
      actions={
        <ActionButton onClick={() => setAsks(true)} testId="attach-set" disabledReason={lack ?? all}>
          Attach to workspaces
        </ActionButton>
      }
    >
      {attempt.failure !== undefined && (
        <ErrorNote error={attempt.failure.error} what="The set was not taken from it" />
      )}
      {set.workspaces.length > 0 && (
        <ul className="panel divide-y divide-base-300 text-sm" data-testid="set-workspaces">
          {set.workspaces.map((name) => (
            <li key={name} className="flex items-center justify-between gap-3 px-4 py-2">
              <Link
                href={path("ws", name, "variables")}
                className="min-w-0 truncate underline-offset-2 hover:underline"
              >
                {name}
              </Link>
              <ActionButton
                size="xs"
                onClick={() =>
                  void attempt.run(() =>
                    detach({ organization: set.organization, variableSet: set.id, workspaces: [name] }),
                  )
                }
                testId={`detach-${name}`}
                isBusy={attempt.isBusy}
                disabledReason={lack}
              >
                Detach
              </ActionButton>
            </li>
          ))}
        </ul>
      )}
      {set.workspaces.length === 0 && !set.isGlobal && (
        <p className="panel quiet px-4 py-3 text-sm">No workspace gets it yet.</p>
      )}
      {asks && <AttachDialog set={set} onClose={() => setAsks(false)} />}
    </Section>
  );
}

function AttachDialog({ set, onClose }: { readonly set: VariableSet; readonly onClose: () => void }) {
  const attempt = useAttempt();
  const orgFlag = useOrgFlag();
  const [text, setText] = useState("");
  const attach = useCall(VariableSetService.method.attachVariableSet, variableAnswers);
  const names = [...splitNames(text)];
  const submit = async () => {
    if (await attempt.run(() => attach({ organization: set.organization, variableSet: set.id, workspaces: names })))
      onClose();
  };
  return (
    <FormDialog
      title={`Attach ${set.name} to workspaces`}
      action="Attach"
      attempt={attempt}
      failed="It was not attached"
      onSubmit={() => void submit()}
      onClose={onClose}
      cli={`windlass varset attach ${shellWord(set.name)} ${names.length === 0 ? "WORKSPACE" : names.map(shellWord).join(" ")}${orgFlag}`}
      blocked={names.length === 0 ? "Name at least one" : undefined}
      testId="attach-dialog"
    >
      <Field
        label="Workspaces"
        value={text}
        onChange={setText}
        hint="Names, separated by commas or spaces: all of them or none."
        testId="attach-names"
        mono
      />
    </FormDialog>
  );
}
