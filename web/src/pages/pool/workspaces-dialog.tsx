import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { CheckField } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { offeredBy } from "./pool-workspaces.ts";

interface WorkspacesDialogProps {
  readonly pool: AgentPool;
  readonly kind: "grant" | "assign";
  readonly stale: readonly string[];
  readonly onClose: () => void;
}

const shown = 50;

/** Chooses workspaces to grant a pool to, or to assign to it. */
export function WorkspacesDialog({ pool, kind, stale, onClose }: WorkspacesDialogProps) {
  const attempt = useAttempt();
  const orgFlag = useOrgFlag();
  const grant = useCall(AgentPoolService.method.grantWorkspaces, stale);
  const assign = useCall(AgentPoolService.method.assignWorkspaces, stale);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const workspaces = [...chosen];
  const input = { organization: pool.organization, agentPool: pool.id, workspaces };
  const submit = async () => {
    if (await attempt.run(() => (kind === "grant" ? grant(input) : assign(input)))) onClose();
  };
  const toggle = (name: string, isChosen: boolean) => {
    const next = new Set(chosen);
    if (isChosen) next.add(name);
    else next.delete(name);
    setChosen(next);
  };
  const quoted = workspaces.length === 0 ? "WORKSPACE" : workspaces.map(shellWord).join(" ");
  return (
    <FormDialog
      title={kind === "grant" ? `Grant ${pool.name} to workspaces` : `Assign workspaces to ${pool.name}`}
      action={kind === "grant" ? "Grant" : "Assign"}
      attempt={attempt}
      failed={kind === "grant" ? "Nothing was granted" : "Nothing was assigned"}
      onSubmit={() => void submit()}
      onClose={onClose}
      cli={`windlass pool ${kind} ${shellWord(pool.name)} ${quoted}${orgFlag}`}
      blocked={workspaces.length === 0 ? "Choose at least one" : undefined}
      testId={`${kind}-workspaces-dialog`}
    >
      {kind === "assign" && (
        <p className="quiet text-sm">
          Their execution mode becomes agent. Runs that wait go to this pool; running jobs finish where they are.
        </p>
      )}
      <WorkspaceChoice pool={pool} kind={kind} stale={stale} chosen={chosen} onToggle={toggle} />
    </FormDialog>
  );
}

interface WorkspaceChoiceProps extends Pick<WorkspacesDialogProps, "pool" | "kind" | "stale"> {
  readonly chosen: ReadonlySet<string>;
  readonly onToggle: (name: string, isChosen: boolean) => void;
}

function WorkspaceChoice({ pool, kind, stale, chosen, onToggle }: WorkspaceChoiceProps) {
  const [search, setSearch] = useState("");
  const { data } = useQuery(
    WorkspaceService.method.listWorkspaces,
    { organization: pool.organization, search, pageSize: shown },
    { placeholderData: keepPreviousData },
  );
  const offered = data === undefined ? undefined : offeredBy(data.workspaces, { pool, kind, search, chosen });
  return (
    <div className="space-y-2">
      <SearchBox label="Find a workspace" value={search} onChange={setSearch} testId="workspace-search" />
      <div className="max-h-64 space-y-2 overflow-y-auto rounded-field border border-base-300 p-3">
        {offered?.map(({ name, isNew, isGranted }) =>
          kind === "assign" && !isGranted ? (
            <NotGranted key={name} pool={pool} name={name} stale={stale} />
          ) : (
            <CheckField
              key={name}
              label={name}
              hint={isNew ? "There is no such workspace among these; the grant waits for it" : undefined}
              isChecked={chosen.has(name)}
              onChange={(isChosen) => onToggle(name, isChosen)}
              testId={`choose-${name}`}
            />
          ),
        )}
        {offered?.length !== 0 ? null : <p className="quiet text-sm">{noneText(search, kind)}</p>}
        {offered === undefined && <p className="quiet text-sm">Loading…</p>}
      </div>
      {data?.nextPageToken !== undefined && data.nextPageToken !== "" && (
        <p className="quiet text-xs">There are more: type a part of the name.</p>
      )}
    </div>
  );
}

const noneText = (search: string, kind: WorkspacesDialogProps["kind"]): string =>
  search === "" ? `No workspace is left to ${kind}.` : "No workspace has this in its name.";

interface NotGrantedProps extends Pick<WorkspacesDialogProps, "pool" | "stale"> {
  readonly name: string;
}

/** A workspace that cannot be assigned yet, and the way to it. */
function NotGranted({ pool, name, stale }: NotGrantedProps) {
  const attempt = useAttempt();
  const grant = useCall(AgentPoolService.method.grantWorkspaces, stale);
  const input = { organization: pool.organization, agentPool: pool.id, workspaces: [name] };
  return (
    <div className="space-y-1" data-testid={`not-granted-${name}`}>
      <div className="flex items-start justify-between gap-3">
        <CheckField
          label={name}
          isChecked={false}
          onChange={() => {}}
          disabledReason="It may not use this pool: grant it first."
          testId={`choose-${name}`}
        />
        <ActionButton
          size="xs"
          isBusy={attempt.isBusy}
          onClick={() => void attempt.run(() => grant(input))}
          testId={`grant-${name}`}
        >
          Grant
        </ActionButton>
      </div>
      {attempt.failure !== undefined && <ErrorNote error={attempt.failure.error} what="It was not granted" />}
    </div>
  );
}
