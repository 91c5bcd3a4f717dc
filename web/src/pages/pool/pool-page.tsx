import { useQuery } from "@connectrpc/connect-query";
import type { ComponentType } from "react";
import { useParams } from "wouter";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import {
  AgentPoolService,
  type GetAgentPoolOverviewResponse,
} from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { NotFound } from "../../app/not-found.tsx";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { Figures } from "../../ui/blocks/facts.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { durationText, msOf } from "../../ui/format.ts";
import { Tabs } from "../../ui/tabs.tsx";
import { PoolAgents } from "../../words/pool-agents.tsx";
import { AgentsTab } from "./agents-tab.tsx";
import { QueueTab } from "./queue-tab.tsx";
import { SettingsTab } from "./settings-tab.tsx";
import { TokensTab } from "./tokens-tab.tsx";
import { WorkspacesTab } from "./workspaces-tab.tsx";

export interface PoolTabProps {
  readonly pool: AgentPool;
  readonly overview: GetAgentPoolOverviewResponse;
}

interface PoolTab {
  readonly segment: string;
  readonly label: string;
  readonly count?: (overview: GetAgentPoolOverviewResponse, pool: AgentPool) => number;
  readonly content: ComponentType<PoolTabProps>;
  /** The command that shows or does the same. */
  readonly cli: (pool: string) => string;
}

const agentsTab: PoolTab = {
  segment: "",
  label: "Agents",
  count: ({ agents }) => agents.length,
  content: AgentsTab,
  cli: (pool) => `windlass agent list --pool ${shellWord(pool)}`,
};

const tabs: readonly PoolTab[] = [
  agentsTab,
  {
    segment: "tokens",
    label: "Tokens",
    count: ({ agentTokens }) => agentTokens.length,
    content: TokensTab,
    cli: (pool) => `windlass token list --pool ${shellWord(pool)}`,
  },
  {
    segment: "workspaces",
    label: "Workspaces",
    count: (_, pool) => pool.assignedWorkspaces.length,
    content: WorkspacesTab,
    cli: (pool) => `windlass pool get ${shellWord(pool)}`,
  },
  {
    segment: "queue",
    label: "Queue",
    count: (_, pool) => pool.counts?.queuedJobs ?? 0,
    content: QueueTab,
    cli: (pool) => `windlass pool queue ${shellWord(pool)}`,
  },
  {
    segment: "settings",
    label: "Settings",
    content: SettingsTab,
    cli: (pool) => `windlass pool edit ${shellWord(pool)} --description TEXT`,
  },
];

const pollMs = 5_000;

export function PoolPage() {
  const { id, tab: segment = "" } = useParams<{ readonly id: string; readonly tab?: string }>();
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(
    AgentPoolService.method.getAgentPoolOverview,
    { organization, agentPool: id },
    { refetchInterval: pollMs },
  );
  const current = tabs.find((tab) => tab.segment === segment);
  const pool = data?.agentPool;
  if (current === undefined) return <NotFound />;
  const links = tabs.map(({ segment: to, label, count }) => ({
    label,
    href: to === "" ? path("pools", id) : path("pools", id, to),
    isCurrent: to === segment,
    count: data === undefined || pool === undefined ? undefined : count?.(data, pool),
    testId: `tab-${to || "agents"}`,
  }));
  const Content = current.content;
  return (
    <Page
      title={pool?.name ?? id}
      crumbs={[{ label: "Agent pools", href: path("pools") }]}
      lead={pool !== undefined && <PoolAgents counts={pool.counts} />}
      cli={`${current.cli(pool?.name ?? id)}${orgFlag}`}
    >
      {error !== null && <ErrorNote error={error} what="The pool could not be read" retry={() => void refetch()} />}
      {pool !== undefined && data !== undefined && (
        <>
          {pool.description !== "" && <p className="quiet -mt-3 max-w-2xl">{pool.description}</p>}
          <PoolFigures pool={pool} />
          <Tabs label="Parts of the pool" tabs={links} />
          <Content pool={pool} overview={data} />
        </>
      )}
    </Page>
  );
}

function PoolFigures({ pool: { counts, assignedWorkspaces, organizationScoped } }: { readonly pool: AgentPool }) {
  const online = (counts?.idleAgents ?? 0) + (counts?.busyAgents ?? 0);
  const waitMs = msOf(counts?.oldestWait);
  return (
    <Figures
      figures={[
        { label: "Agents online", value: online, hint: `${counts?.busyAgents ?? 0} busy` },
        { label: "Jobs running", value: counts?.runningJobs ?? 0, hint: `room for ${counts?.capacity ?? 0}` },
        {
          label: "Jobs queued",
          value: counts?.queuedJobs ?? 0,
          hint: waitMs === undefined ? "nothing waits" : `oldest waits ${durationText(waitMs)}`,
        },
        {
          label: "Workspaces",
          value: assignedWorkspaces.length,
          hint: organizationScoped ? "open to all" : "granted only",
        },
      ]}
    />
  );
}
