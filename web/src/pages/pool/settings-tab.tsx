import { useState } from "react";
import { Link, useLocation } from "wouter";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { countText } from "../../ui/format.ts";
import { EditPoolForm } from "./edit-pool-form.tsx";
import type { PoolTabProps } from "./pool-page.tsx";

export function SettingsTab({ pool, overview }: PoolTabProps) {
  return (
    <>
      <EditPoolForm key={pool.id} pool={pool} />
      <DeletePool pool={pool} overview={overview} />
    </>
  );
}

/** Off while workspaces are assigned, which it names. */
function DeletePool({ pool, overview: { agents, agentTokens } }: PoolTabProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const [asks, setAsks] = useState(false);
  const lack = useLack(Permission.OPERATE);
  // The event that it is gone takes it out of lists: this page is left at once, before it asks for what is gone.
  const deleteAgentPool = useCall(AgentPoolService.method.deleteAgentPool);
  const inTheWay = pool.assignedWorkspaces;
  const used =
    inTheWay.length === 0
      ? undefined
      : `${countText(inTheWay.length, "workspace")} still ${inTheWay.length === 1 ? "uses" : "use"} it`;
  const remove = async () => {
    await deleteAgentPool({ organization: pool.organization, agentPool: pool.id });
    navigate(path("pools"), { replace: true });
  };
  return (
    <Section title="Delete this pool" lead="Its tokens end with it, and its agents leave. This cannot be taken back.">
      {inTheWay.length > 0 && (
        <div className="space-y-1.5 text-sm" data-testid="in-the-way">
          <p>These workspaces are in the way. Assign them to another pool, or take them off this one:</p>
          <ul className="flex flex-wrap gap-1.5">
            {inTheWay.slice(0, 50).map((name) => (
              <li key={name} className="max-w-full">
                <Link
                  href={path("ws", name, "settings")}
                  className="inline-block max-w-full truncate rounded-selector border border-base-300 bg-base-100 px-2 py-0.5 font-mono text-xs hover:underline"
                >
                  {name}
                </Link>
              </li>
            ))}
            {inTheWay.length > 50 && <li className="quiet">and {inTheWay.length - 50} more</li>}
          </ul>
        </div>
      )}
      <ActionButton onClick={() => setAsks(true)} testId="delete-pool" disabledReason={lack ?? used}>
        Delete pool
      </ActionButton>
      {asks && (
        <ConfirmDialog
          title={`Delete ${pool.name}?`}
          action="Delete pool"
          typed={{ what: "pool", name: pool.name }}
          cli={`windlass pool delete ${shellWord(pool.name)}${orgFlag}`}
          onConfirm={remove}
          onClose={() => setAsks(false)}
          testId="delete-pool-dialog"
        >
          <p>
            {countText(agentTokens.length, "token")} end, and {countText(agents.length, "agent")} leave when their jobs
            have ended.
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
