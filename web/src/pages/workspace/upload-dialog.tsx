import { useState } from "react";
import type { ConfigurationVersion } from "../../../../src/gen/windlass/v1/configuration_pb.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { UploadField } from "../../upload/upload-field.tsx";
import type { WorkspaceTabProps } from "./workspace-page.tsx";

interface UploadDialogProps extends WorkspaceTabProps {
  /** Asked to start a run with what was uploaded. */
  readonly onStart: (configurationId: string) => void;
  readonly onClose: () => void;
}

/** Uploads a configuration, and leads to a run with it. */
export function UploadDialog({ workspace, onStart, onClose }: UploadDialogProps) {
  const [uploaded, setUploaded] = useState<ConfigurationVersion>();
  const actions = (
    <>
      <ActionButton onClick={onClose} testId="dialog-cancel" tone="quiet">
        {uploaded === undefined ? "Back" : "Done"}
      </ActionButton>
      <ActionButton
        onClick={() => uploaded !== undefined && onStart(uploaded.id)}
        testId="upload-start-run"
        tone="primary"
        disabledReason={uploaded === undefined ? "Upload something first" : undefined}
      >
        Start a run with it
      </ActionButton>
    </>
  );
  return (
    <Dialog
      title={`Upload a configuration of ${workspace.name}`}
      onClose={onClose}
      actions={actions}
      testId="upload-dialog"
    >
      <UploadField workspace={workspace} onUploaded={setUploaded} />
      <p className="quiet text-sm">Runs that name no configuration use the newest. An upload starts none.</p>
    </Dialog>
  );
}
