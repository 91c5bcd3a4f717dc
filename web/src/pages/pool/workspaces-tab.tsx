import { useState } from "react";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import type { PoolTabProps } from "./pool-page.tsx";
import { type PoolWorkspace, poolWorkspaces } from "./pool-workspaces.ts";
import { WorkspacesDialog } from "./workspaces-dialog.tsx";

const stale = ["GetAgentPoolOverview", "ListAgentPools", "ListWorkspaces", "GetWorkspace", "ListQueuedJobs"];

const columnsOf = (pool: AgentPool, lack: string | undefined): readonly Column<PoolWorkspace>[] => [
  { header: "Workspace", cell: ({ name }) => name, grows: true },
  { header: "May use it", cell: (workspace) => <Grant workspace={workspace} isOpen={pool.organizationScoped} /> },
  {
    header: "Uses it",
    cell: ({ isAssigned }) =>
      isAssigned ? <StatusBadge tone="good" text="Assigned" /> : <span className="quiet">not assigned</span>,
  },
  {
    header: "Actions",
    align: "right",
    cell: (workspace) => <WorkspaceActions pool={pool} workspace={workspace} lack={lack} />,
  },
];

/** Which workspaces may use the pool, and which do. */
export function WorkspacesTab({ pool }: PoolTabProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const lack = useLack(Permission.OPERATE);
  const [open, setOpen] = useState<"grant" | "assign">();
  const assign = (
    <ActionButton onClick={() => setOpen("assign")} testId="assign-workspaces" tone="primary" disabledReason={lack}>
      Assign workspaces
    </ActionButton>
  );
  const noGrants = pool.organizationScoped
    ? "Every workspace may use this pool: limit it in its settings first"
    : undefined;
  return (
    <Section
      title="Workspaces"
      lead={
        pool.organizationScoped
          ? "Every workspace of the organization may use this pool. Those that are assigned run on its agents."
          : "Granted workspaces may use this pool. Those that are assigned too run on its agents."
      }
      actions={
        <>
          <ActionButton onClick={() => setOpen("grant")} testId="grant-workspaces" disabledReason={lack ?? noGrants}>
            Grant workspaces
          </ActionButton>
          {assign}
        </>
      }
    >
      <DataTable
        label="Workspaces"
        columns={columnsOf(pool, lack)}
        rows={poolWorkspaces(pool)}
        rowKey={({ name }) => name}
        href={({ name }) => path("ws", name)}
        testId="pool-workspaces"
        empty={
          <EmptyState
            title="No workspace uses this pool"
            action={assign}
            cli={`windlass pool assign ${shellWord(pool.name)} WORKSPACE${orgFlag}`}
          >
            {pool.organizationScoped
              ? "Assign one, and its runs go to the agents of this pool."
              : "Grant one, then assign it: its runs go to the agents of this pool."}
          </EmptyState>
        }
      />
      {pool.assignedWorkspaces.length === 1000 && (
        <p className="quiet text-sm">Of the assigned ones these are the first 1,000: the list of workspaces has all.</p>
      )}
      {open !== undefined && (
        <WorkspacesDialog pool={pool} kind={open} stale={stale} onClose={() => setOpen(undefined)} />
      )}
    </Section>
  );
}

function Grant({ workspace, isOpen }: { readonly workspace: PoolWorkspace; readonly isOpen: boolean }) {
  if (isOpen) return <StatusBadge tone="good" text="Open to all" />;
  if (workspace.isGranted) return <StatusBadge tone="good" text="Granted" />;
  return <StatusBadge tone="wait" text="Not granted: its runs wait" />;
}

interface WorkspaceActionsProps {
  readonly pool: PoolTabProps["pool"];
  readonly workspace: PoolWorkspace;
  readonly lack: string | undefined;
}

function WorkspaceActions({ pool, workspace: { name, isGranted, isAssigned }, lack }: WorkspaceActionsProps) {
  const [asks, setAsks] = useState<"revoke" | "unassign">();
  const attempt = useAttempt();
  const grant = useCall(AgentPoolService.method.grantWorkspaces, stale);
  const assign = useCall(AgentPoolService.method.assignWorkspaces, stale);
  const input = { organization: pool.organization, agentPool: pool.id, workspaces: [name] };
  const small = { size: "xs", disabledReason: lack } as const;
  return (
    <span className="relative z-10 inline-flex flex-col items-end gap-2">
      <span className="inline-flex gap-1.5">
        {!isGranted && (
          <ActionButton
            {...small}
            isBusy={attempt.isBusy}
            onClick={() => void attempt.run(() => grant(input))}
            testId="grant"
          >
            Grant
          </ActionButton>
        )}
        {isGranted && !isAssigned && (
          <ActionButton
            {...small}
            isBusy={attempt.isBusy}
            onClick={() => void attempt.run(() => assign(input))}
            testId="assign"
          >
            Assign
          </ActionButton>
        )}
        {isAssigned && (
          <ActionButton {...small} onClick={() => setAsks("unassign")} testId="unassign">
            Unassign
          </ActionButton>
        )}
        {isGranted && !pool.organizationScoped && (
          <ActionButton {...small} onClick={() => setAsks("revoke")} testId="revoke">
            Revoke
          </ActionButton>
        )}
      </span>
      {attempt.failure !== undefined && (
        <span className="block max-w-md whitespace-normal text-left">
          <ErrorNote error={attempt.failure.error} what={`${name} was left as it is`} />
        </span>
      )}
      {asks !== undefined && <TakeBackDialog pool={pool} name={name} kind={asks} onClose={() => setAsks(undefined)} />}
    </span>
  );
}

interface TakeBackDialogProps {
  readonly pool: PoolTabProps["pool"];
  readonly name: string;
  readonly kind: "revoke" | "unassign";
  readonly onClose: () => void;
}

/** Takes a grant or an assignment back, and says what becomes of the runs. */
function TakeBackDialog({ pool, name, kind, onClose }: TakeBackDialogProps) {
  const orgFlag = useOrgFlag();
  const revoke = useCall(AgentPoolService.method.revokeWorkspaces, stale);
  const unassign = useCall(AgentPoolService.method.unassignWorkspaces, stale);
  const input = { organization: pool.organization, agentPool: pool.id, workspaces: [name] };
  const isRevoke = kind === "revoke";
  return (
    <ConfirmDialog
      title={isRevoke ? `Take the grant from ${name}?` : `Take ${name} from ${pool.name}?`}
      action={isRevoke ? "Revoke" : "Unassign"}
      cli={
        isRevoke
          ? `windlass pool revoke ${shellWord(pool.name)} ${shellWord(name)}${orgFlag}`
          : `windlass pool unassign ${shellWord(name)}${orgFlag}`
      }
      onConfirm={() => (isRevoke ? revoke(input) : unassign(input))}
      onClose={onClose}
      testId={`${kind}-dialog`}
    >
      <p>
        {isRevoke
          ? "If it is assigned it stays so, and its runs wait until it is granted again. Running jobs finish."
          : "Its execution mode becomes remote: its next runs, and those that wait, go to the server agent. Running jobs finish."}
      </p>
    </ConfirmDialog>
  );
}
