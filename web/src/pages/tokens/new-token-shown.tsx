import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { Link } from "wouter";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import type { AgentToken } from "../../../../src/gen/windlass/v1/agent_token_pb.ts";
import { SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { type StartKind, startSteps } from "../../../../src/lib/deploy/start-steps.ts";
import { useOrganization, usePath } from "../../app/organization.ts";
import { useServerAddress } from "../../app/server-address.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ChoiceTabs } from "../../ui/blocks/choice-tabs.tsx";
import { CodeBlock } from "../../ui/blocks/code-block.tsx";
import { Secret } from "../../ui/blocks/secret.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { CheckIcon } from "../../ui/icons.tsx";
import { isConnected } from "../../words/agent-status.tsx";

interface NewTokenShownProps {
  readonly pool: string;
  readonly token: AgentToken;
  readonly secret: string;
  readonly onClose: () => void;
}

const kinds: readonly { readonly value: StartKind; readonly label: string }[] = [
  { value: "program", label: "Program" },
  { value: "systemd", label: "systemd" },
  { value: "docker", label: "Docker" },
  { value: "compose", label: "Compose" },
  { value: "kubernetes", label: "Kubernetes" },
];

/** The secret, how to start an agent with it, and whether one has come. */
export function NewTokenShown({ pool, token, secret, onClose }: NewTokenShownProps) {
  const organization = useOrganization();
  const [kind, setKind] = useState<StartKind>("program");
  const address = useServerAddress();
  const { data: server } = useQuery(SystemService.method.getServerInfo, {}, { staleTime: 300_000 });
  const version = server?.version ?? "VERSION";
  const actions = (
    <ActionButton onClick={onClose} testId="token-done" tone="primary">
      Done
    </ActionButton>
  );
  return (
    <Dialog title={`Token for ${pool}`} onClose={onClose} actions={actions} testId="token-shown" wide>
      <Secret secret={secret} what="secret" />
      <h3 className="font-medium">Start an agent with it</h3>
      <FirstAgent pool={pool} tokenId={token.id} />
      <ChoiceTabs label="Where the agent runs" value={kind} options={kinds} onChange={setKind} testId="start-kind">
        {startSteps(kind, { address, organization, pool, version }).map(({ title, text }, index) => (
          <div key={title} className="space-y-1">
            <p className="text-sm">{title}</p>
            <CodeBlock text={text} what="text" testId={`start-step-${index + 1}`} />
          </div>
        ))}
      </ChoiceTabs>
    </Dialog>
  );
}

/** Waits for the first agent that registers with the token. */
function FirstAgent({ pool, tokenId }: { readonly pool: string; readonly tokenId: string }) {
  const organization = useOrganization();
  const path = usePath();
  const { data } = useQuery(AgentService.method.listAgents, { organization, agentPool: pool, pageSize: 1000 });
  const come = data?.agents.filter((agent) => agent.agentTokenId === tokenId && isConnected(agent)) ?? [];
  return (
    <div role="status" className="panel px-4 py-3 text-sm" data-testid="first-agent">
      {come.length === 0 ? (
        <p className="flex items-center gap-2.5">
          <span aria-hidden="true" className="loading loading-spinner loading-xs" />
          <span>
            Waiting for the first agent…{" "}
            <span className="quiet">You may close this: agents show on the pool's page.</span>
          </span>
        </p>
      ) : (
        come.map(({ id, name }) => (
          <p key={id} className="flex items-center gap-2 text-success">
            <CheckIcon />
            <span className="font-medium">
              <Link href={path("agents", id)} className="underline-offset-2 hover:underline">
                {name}
              </Link>{" "}
              connected
            </span>
          </p>
        ))
      )}
    </div>
  );
}
