import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { AgentTokenService } from "../../../../src/gen/windlass/v1/agent_token_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { NewTokenDialog } from "../tokens/new-token-dialog.tsx";
import { NewTrustDialog } from "../tokens/new-trust-dialog.tsx";
import { TokensTable } from "../tokens/tokens-table.tsx";
import type { PoolTabProps } from "./pool-page.tsx";

/** The tokens of the pool; those that have ended only if asked for. */
export function TokensTab({ pool, overview }: PoolTabProps) {
  const [making, setMaking] = useState<"token" | "trust">();
  const [ended, setEnded] = useUrlState("ended");
  const [page, setPage] = useUrlState("page");
  const lack = useLack(Permission.OPERATE);
  const orgFlag = useOrgFlag();
  const all = useQuery(
    AgentTokenService.method.listAgentTokens,
    { organization: pool.organization, agentPool: pool.id, pageToken: page },
    { enabled: ended !== "" },
  );
  const tokens = ended === "" ? overview.agentTokens : (all.data?.agentTokens ?? []);
  const create = (
    <ActionButton onClick={() => setMaking("token")} testId="new-token" tone="primary" disabledReason={lack}>
      New token
    </ActionButton>
  );
  return (
    <Section
      title="Tokens"
      lead="A token admits agents to this pool alone. Its secret is shown once, when it is made. A trust admits identities of an issuer, such as the pods of a cluster, without a secret."
      actions={
        <>
          <ActionButton
            onClick={() => setEnded(ended === "" ? "1" : "")}
            testId="ended-tokens"
            tone="quiet"
            isPressed={ended !== ""}
          >
            Show ended
          </ActionButton>
          <ActionButton onClick={() => setMaking("trust")} testId="new-trust" disabledReason={lack}>
            New trust
          </ActionButton>
          {create}
        </>
      }
    >
      {all.error !== null && (
        <ErrorNote error={all.error} what="The tokens could not be read" retry={() => void all.refetch()} />
      )}
      <TokensTable
        tokens={tokens}
        empty={
          <EmptyState
            title="No tokens"
            action={create}
            cli={`windlass token create --pool ${shellWord(pool.name)} --name vm-7${orgFlag}`}
          >
            Agents need one to join the pool. Make one for each machine or cluster, so that each can be revoked alone.
          </EmptyState>
        }
      />
      {ended !== "" && <Pagination token={page} nextToken={all.data?.nextPageToken ?? ""} onChange={setPage} />}
      {making === "token" && <NewTokenDialog pool={pool.name} onClose={() => setMaking(undefined)} />}
      {making === "trust" && <NewTrustDialog pool={pool.name} onClose={() => setMaking(undefined)} />}
    </Section>
  );
}
