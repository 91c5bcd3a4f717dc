import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { Link } from "wouter";
import { Permission, SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import type { Workspace, WorkspaceLock } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { shortId } from "../../ui/format.ts";
import { LockIcon } from "../../ui/icons.tsx";
import { Elapsed } from "../../ui/relative-time.tsx";
import { callerName } from "../../words/caller.ts";
import { runStateWords } from "../../words/run-states.ts";
import { type Unlocking, unlockingOf } from "./unlocking.ts";

interface LockBannerProps {
  readonly workspace: Workspace;
  readonly lock: WorkspaceLock;
}

/** Who holds the workspace, since when and why, and how it is released. */
export function LockBanner({ workspace, lock }: LockBannerProps) {
  const [asks, setAsks] = useState(false);
  const { data: caller } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  const operates = useLack(Permission.OPERATE);
  const owns = useLack(Permission.OWN);
  const how = unlockingOf(lock, caller?.id);
  const underWay = how === "under-way" ? "The run releases it when it ends" : undefined;
  return (
    <div
      className="flex flex-wrap items-center gap-x-4 gap-y-2 rounded-box border border-base-300 bg-base-100 px-4 py-3"
      data-testid="lock-banner"
    >
      <LockIcon />
      <div className="min-w-0 grow">
        <p>
          <Holder lock={lock} /> <span className="quiet">for</span> <Elapsed from={lock.sinceTime} to={undefined} />
        </p>
        {lock.reason !== "" && <p className="quiet break-words text-sm">“{lock.reason}”</p>}
        {workspace.queuedRuns > 0 && <p className="quiet text-sm">{workspace.queuedRuns} waiting behind it.</p>}
      </div>
      <ActionButton
        onClick={() => setAsks(true)}
        testId="unlock-workspace"
        disabledReason={underWay ?? (how === "own" ? operates : owns)}
      >
        {how === "own" || how === "under-way" ? "Unlock" : "Unlock by force"}
      </ActionButton>
      {asks && <UnlockDialog workspace={workspace} lock={lock} how={how} onClose={() => setAsks(false)} />}
    </div>
  );
}

function Holder({ lock }: { readonly lock: WorkspaceLock }) {
  const path = usePath();
  if (lock.runId === "")
    return (
      <span title={lock.holder}>
        Locked by <span className="font-medium">{callerName(lock.holder)}</span>
      </span>
    );
  return (
    <>
      Held by{" "}
      <Link href={path("runs", lock.runId)} className="font-mono text-sm underline-offset-2 hover:underline">
        {shortId(lock.runId)}
      </Link>{" "}
      ({runStateWords(lock.runState).text.toLowerCase()})
    </>
  );
}

interface UnlockDialogProps extends LockBannerProps {
  readonly how: Unlocking;
  readonly onClose: () => void;
}

function UnlockDialog({ workspace, lock, how, onClose }: UnlockDialogProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const unlock = useCall(WorkspaceService.method.unlockWorkspace, ["GetWorkspace", "ListWorkspaces", "ListRuns"]);
  const isForced = how !== "own";
  return (
    <ConfirmDialog
      title={`Unlock ${workspace.name}${isForced ? " by force" : ""}?`}
      action={isForced ? "Unlock by force" : "Unlock"}
      tone={isForced ? "danger" : "primary"}
      typed={isForced ? { what: "workspace", name: workspace.name } : undefined}
      cli={`windlass workspace unlock ${shellWord(workspace.name)}${isForced ? " --force" : ""}${orgFlag}`}
      onConfirm={() => unlock({ workspace: workspace.id, force: isForced })}
      onClose={onClose}
      testId="unlock-dialog"
    >
      {how === "own" && <p>The next run that waits begins at once.</p>}
      {how === "force" && (
        <p>
          {callerName(lock.holder)} has locked it{lock.reason !== "" && <>: “{lock.reason}”</>}. Ask them first: they
          may be changing its resources right now.
        </p>
      )}
      {how === "left-behind" && (
        <p>
          A lost run holds it: what its apply did may not be in the state. Better decide on{" "}
          <Link href={path("runs", lock.runId)} className="underline">
            the page of the run
          </Link>
          , which shows what is known.
        </p>
      )}
    </ConfirmDialog>
  );
}
