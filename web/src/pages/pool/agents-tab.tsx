import { useState } from "react";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { useLack } from "../../app/permission.ts";
import { useServerAddress } from "../../app/server-address.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { AgentsTable } from "../agents/agents-table.tsx";
import { NewTokenDialog } from "../tokens/new-token-dialog.tsx";
import type { PoolTabProps } from "./pool-page.tsx";

export function AgentsTab({ pool, overview: { agents, agentTokens } }: PoolTabProps) {
  const [isMaking, setIsMaking] = useState(false);
  const address = useServerAddress();
  const lack = useLack(Permission.OPERATE);
  const action = (
    <ActionButton onClick={() => setIsMaking(true)} testId="first-token" tone="primary" disabledReason={lack}>
      New token
    </ActionButton>
  );
  const next =
    agentTokens.length === 0
      ? "Make a token first: its dialog has the line that starts an agent."
      : "The pool has tokens already: start an agent with one of them, or make another.";
  return (
    <>
      <AgentsTable
        agents={agents}
        hasPool={false}
        empty={
          <EmptyState
            title="No agent online"
            action={action}
            cli={`windlass-agent --address ${address} --token-file agent-token`}
          >
            An agent runs where your infrastructure is, and needs only a way out to this server. {next} The program
            comes with a clone of Windlass: the dialog of a new token says how.
          </EmptyState>
        }
      />
      {agents.length === 200 && <p className="quiet text-sm">These are the first 200: the agents page has all.</p>}
      {isMaking && <NewTokenDialog pool={pool.name} onClose={() => setIsMaking(false)} />}
    </>
  );
}
