import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { CheckField } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { shellWord } from "../../ui/shell-word.ts";

interface WorkspacesDialogProps {
  readonly pool: AgentPool;
  readonly kind: "grant" | "assign";
  readonly stale: readonly string[];
  readonly onClose: () => void;
}

const shown = 50;
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,89}$/;

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
      <WorkspaceChoice pool={pool} kind={kind} chosen={chosen} onToggle={toggle} />
    </FormDialog>
  );
}

interface WorkspaceChoiceProps {
  readonly pool: AgentPool;
  readonly kind: "grant" | "assign";
  readonly chosen: ReadonlySet<string>;
  readonly onToggle: (name: string, isChosen: boolean) => void;
}

function WorkspaceChoice({ pool, kind, chosen, onToggle }: WorkspaceChoiceProps) {
  const [search, setSearch] = useState("");
  const { data } = useQuery(
    WorkspaceService.method.listWorkspaces,
    { organization: pool.organization, search, pageSize: shown },
    { placeholderData: keepPreviousData },
  );
  const has = new Set(kind === "grant" ? pool.grantedWorkspaces : pool.assignedWorkspaces);
  const granted = new Set(pool.grantedWorkspaces);
  const offered = (data?.workspaces ?? []).map(({ name }) => name).filter((name) => !has.has(name));
  // A name may be granted before its workspace exists.
  const isNew = kind === "grant" && namePattern.test(search) && !offered.includes(search) && !has.has(search);
  const kept = [...chosen].filter((name) => !offered.includes(name) && name !== search);
  const rows = [...kept, ...(isNew && data !== undefined ? [search] : []), ...offered];
  return (
    <div className="space-y-2">
      <SearchBox label="Find a workspace" value={search} onChange={setSearch} testId="workspace-search" />
      <div className="max-h-64 space-y-2 overflow-y-auto rounded-field border border-base-300 p-3">
        {rows.map((name) => (
          <CheckField
            key={name}
            label={name}
            hint={hintOf(name, { kind, pool, granted, offered })}
            isChecked={chosen.has(name)}
            onChange={(isChosen) => onToggle(name, isChosen)}
            testId={`choose-${name}`}
          />
        ))}
        {rows.length === 0 && (
          <p className="quiet text-sm">
            {data === undefined
              ? "Loading…"
              : search === ""
                ? `No workspace is left to ${kind}.`
                : "No workspace has this in its name."}
          </p>
        )}
      </div>
      {data?.nextPageToken !== undefined && data.nextPageToken !== "" && (
        <p className="quiet text-xs">There are more: type a part of the name.</p>
      )}
    </div>
  );
}

interface HintPlace {
  readonly kind: "grant" | "assign";
  readonly pool: AgentPool;
  readonly granted: ReadonlySet<string>;
  readonly offered: readonly string[];
}

function hintOf(name: string, { kind, pool, granted, offered }: HintPlace): string | undefined {
  if (kind === "assign" && !pool.organizationScoped && !granted.has(name)) return "Not granted: grant it first";
  if (kind === "grant" && !offered.includes(name))
    return "There is no such workspace among these; the grant waits for it";
  return undefined;
}
