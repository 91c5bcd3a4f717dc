import { useState } from "react";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { Field } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import type { WorkspaceTabProps } from "./workspace-page.tsx";

/** Locks a workspace for a person. */
export function LockDialog({ workspace, onClose }: WorkspaceTabProps & { readonly onClose: () => void }) {
  const attempt = useAttempt();
  const orgFlag = useOrgFlag();
  const [reason, setReason] = useState("");
  const lock = useCall(WorkspaceService.method.lockWorkspace, ["GetWorkspace", "ListWorkspaces"]);
  const submit = async () => {
    if (await attempt.run(() => lock({ workspace: workspace.id, reason }))) onClose();
  };
  return (
    <FormDialog
      title={`Lock ${workspace.name}`}
      action="Lock"
      attempt={attempt}
      failed="It was not locked"
      onSubmit={() => void submit()}
      onClose={onClose}
      cli={`windlass workspace lock ${shellWord(workspace.name)}${reason === "" ? "" : ` --reason ${shellWord(reason)}`}${orgFlag}`}
      testId="lock-dialog"
    >
      <p>Its new runs wait until you unlock it. Nobody else can write its state meanwhile.</p>
      <Field
        label="Reason"
        value={reason}
        onChange={setReason}
        error={violationOf(attempt.problem, "reason")}
        hint="Shown to everybody who waits."
        testId="lock-reason"
      />
    </FormDialog>
  );
}
