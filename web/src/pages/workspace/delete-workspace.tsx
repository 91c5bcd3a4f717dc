import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import type { Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { type WorkspaceLosses, WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { CheckField } from "../../ui/field.tsx";
import { countText, shortId } from "../../ui/format.ts";
import { unlockingOf } from "./unlocking.ts";
import type { WorkspaceTabProps } from "./workspace-page.tsx";

/** Deletes a workspace with all that is in it. */
export function DeleteWorkspace({ workspace }: WorkspaceTabProps) {
  const [asks, setAsks] = useState(false);
  const lack = useLack(Permission.OPERATE);
  const { lock } = workspace;
  const held =
    lock !== undefined && unlockingOf(lock, undefined) === "under-way"
      ? `${shortId(lock.runId)} has not ended: cancel it first`
      : undefined;
  return (
    <Section
      title="Delete this workspace"
      lead="Its runs, variables and states go with it. What its state manages stays in the world, and nobody manages it then."
    >
      <ActionButton onClick={() => setAsks(true)} testId="delete-workspace" disabledReason={lack ?? held}>
        Delete workspace
      </ActionButton>
      {asks && <DeleteWorkspaceDialog workspace={workspace} onClose={() => setAsks(false)} />}
    </Section>
  );
}

function DeleteWorkspaceDialog({
  workspace,
  onClose,
}: {
  readonly workspace: Workspace;
  readonly onClose: () => void;
}) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const [isForced, setIsForced] = useState(false);
  // The event that it is gone takes it out of lists: this page is left at once, before it asks for what is gone.
  const remove = useCall(WorkspaceService.method.deleteWorkspace);
  const [losses, setLosses] = useState<string>();
  const [failure, setFailure] = useState<{ readonly error: unknown }>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, when the dialog opens
  useEffect(() => {
    // Asked with force, so that it tells what force would lose; nothing is deleted.
    remove({ workspace: workspace.id, force: true, validateOnly: true }).then(
      (answer) => setLosses(lossesText(answer.losses)),
      (error: unknown) => setFailure({ error }),
    );
  }, []);
  const hasState = workspace.currentStateVersionId !== "";
  return (
    <ConfirmDialog
      title={`Delete ${workspace.name}?`}
      action="Delete workspace"
      typed={{ what: "workspace", name: workspace.name }}
      cli={`windlass workspace delete ${shellWord(workspace.name)}${isForced ? " --force" : ""}${orgFlag}`}
      onConfirm={async () => {
        await remove({ workspace: workspace.id, force: isForced });
        navigate(path("ws"), { replace: true });
      }}
      onClose={onClose}
      testId="delete-workspace-dialog"
    >
      {failure !== undefined && <ErrorNote error={failure.error} what="What would be lost could not be found out" />}
      <p data-testid="losses">{losses ?? "Counting what would be lost…"}</p>
      {hasState && (
        <CheckField
          label="Delete it although it has state"
          hint="Its resources stay in the world. To destroy them, start a run that destroys first."
          isChecked={isForced}
          onChange={setIsForced}
          testId="force-delete"
        />
      )}
    </ConfirmDialog>
  );
}

/** What goes with a workspace, in a sentence. */
function lossesText(losses: WorkspaceLosses | undefined): string {
  if (losses === undefined) return "The server did not say what would be lost.";
  const { stateVersions, resources, runs, variables, configurationVersions, unreadReason } = losses;
  const managed =
    unreadReason === "" ? countText(resources, "resource") : `an unknown number of resources (${unreadReason})`;
  const parts = [
    countText(runs, "run"),
    countText(variables, "variable"),
    countText(configurationVersions, "configuration"),
    countText(stateVersions, "state version"),
  ];
  return `Deletes ${parts.join(", ")}. Its state manages ${managed}.`;
}
