import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { StateStatus, type StateVersion } from "../../../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../../../src/gen/windlass/v1/state_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { CheckField } from "../../ui/field.tsx";

const stale = ["GetStateVersion", "ListStateVersions", "GetWorkspace", "GetAttention"];

interface StateActionsProps {
  readonly version: StateVersion;
  /** It has been deleted since it was read. */
  readonly isGone: boolean;
}

const gone = "It is gone by now.";

/** What can be done with a state: an earlier one can come back, one that is kept aside is adopted or dropped. */
export function StateActions({ version, isGone }: StateActionsProps) {
  const [asks, setAsks] = useState<"rollback" | "adopt" | "drop">();
  const mayNot = useLack(Permission.OPERATE);
  const lack = mayNot ?? (isGone ? gone : undefined);
  const close = () => setAsks(undefined);
  const isCurrent = version.status === StateStatus.CURRENT ? "It is the workspace's state" : undefined;
  return (
    <>
      {version.status === StateStatus.QUARANTINED ? (
        <>
          <ActionButton onClick={() => setAsks("adopt")} testId="adopt-state" disabledReason={lack}>
            Adopt
          </ActionButton>
          <ActionButton onClick={() => setAsks("drop")} testId="drop-state" disabledReason={lack}>
            Drop
          </ActionButton>
        </>
      ) : (
        <ActionButton onClick={() => setAsks("rollback")} testId="rollback-state" disabledReason={lack ?? isCurrent}>
          Roll back to it
        </ActionButton>
      )}
      {/* They stay open when the state changes under them. */}
      {asks === "adopt" && <AdoptDialog version={version} isGone={isGone} onClose={close} />}
      {asks === "drop" && <DropDialog version={version} isGone={isGone} onClose={close} />}
      {asks === "rollback" && <RollbackDialog version={version} isGone={isGone} onClose={close} />}
    </>
  );
}

function notAside({ version: { status }, isGone }: StateActionsProps): string | undefined {
  if (isGone) return gone;
  return status === StateStatus.QUARANTINED ? undefined : "It is not kept aside any more.";
}

interface StateDialogProps extends StateActionsProps {
  readonly onClose: () => void;
}

function RollbackDialog({ version, isGone, onClose }: StateDialogProps) {
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const { data } = useQuery(StateService.method.getStateVersion, { organization, workspace: version.workspace });
  const current = data?.stateVersion;
  // The state that was current when the dialog opened: if another comes meanwhile, the server refuses.
  const [seenId, setSeenId] = useState<string>();
  if (seenId === undefined && current !== undefined) setSeenId(current.id);
  const rollback = useCall(StateService.method.rollbackState, stale);
  const act = async () => {
    const { stateVersion } = await rollback({ stateVersionId: version.id, expectedCurrentId: seenId ?? "" });
    if (stateVersion !== undefined) navigate(path("ws", version.workspace, "state", stateVersion.id));
  };
  return (
    <ConfirmDialog
      title={`Roll back to state ${version.serial}?`}
      action="Roll back"
      typed={{ what: "workspace", name: version.workspace }}
      cli={`windlass state rollback ${shellWord(version.workspace)} ${shellWord(version.id)}${orgFlag}`}
      refusal={isGone ? gone : undefined}
      onConfirm={act}
      onClose={onClose}
      testId="rollback-dialog"
    >
      <p>
        Its content becomes the state of {version.workspace} again, under a new serial
        {current !== undefined && ` after ${current.serial}`}. Nothing in the world changes: the next plan shows what
        differs.
      </p>
    </ConfirmDialog>
  );
}

function AdoptDialog({ version, isGone, onClose }: StateDialogProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const [isForced, setIsForced] = useState(false);
  const owns = useLack(Permission.OWN);
  const adopt = useCall(StateService.method.adoptState, stale);
  const act = async () => {
    await adopt({ stateVersionId: version.id, force: isForced });
    navigate(path("ws", version.workspace, "state"));
  };
  return (
    <ConfirmDialog
      title={`Adopt state ${version.serial}?`}
      action="Adopt"
      typed={{ what: "workspace", name: version.workspace }}
      cli={`windlass state adopt ${shellWord(version.id)}${isForced ? " --force" : ""}${orgFlag}`}
      refusal={notAside({ version, isGone })}
      onConfirm={act}
      onClose={onClose}
      testId="adopt-dialog"
    >
      <p>It becomes the state of {version.workspace}. The one that is current now stays in the list.</p>
      {owns === undefined && (
        <CheckField
          label="Although its lineage is another one"
          hint="The two states describe different histories."
          isChecked={isForced}
          onChange={setIsForced}
          testId="adopt-force"
        />
      )}
    </ConfirmDialog>
  );
}

function DropDialog({ version, isGone, onClose }: StateDialogProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const drop = useCall(StateService.method.dropState, ["ListStateVersions", "GetAttention"]);
  const act = async () => {
    await drop({ stateVersionId: version.id });
    navigate(path("ws", version.workspace, "state"));
  };
  return (
    <ConfirmDialog
      title={`Drop state ${version.serial}?`}
      action="Drop"
      typed={{ what: "workspace", name: version.workspace }}
      cli={`windlass state drop ${shellWord(version.id)}${orgFlag}`}
      refusal={notAside({ version, isGone })}
      onConfirm={act}
      onClose={onClose}
      testId="drop-dialog"
    >
      <p>It is deleted for good. If it is the only record of what an apply made, nobody will manage that.</p>
    </ConfirmDialog>
  );
}
