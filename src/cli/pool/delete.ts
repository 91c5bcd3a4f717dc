import { create } from "@bufbuild/protobuf";
import { type AgentPool, AgentPoolSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService, type GetAgentPoolOverviewResponse } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerGone, goneFormats } from "../shared/answers.ts";
import { command, some } from "../shared/command.ts";
import { confirmOrStop } from "../shared/prompts.ts";

/** `windlass pool delete`: looks at what would go before it asks. */
export const remove = command({
  name: "delete",
  summary: "Delete pools that no workspace uses; their tokens end, their agents leave",
  examples: ["windlass pool delete prod", "windlass pool delete test-1 test-2 --yes"],
  positionals: { pools: some("POOL", "names or ids") },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args: { pools } }) => {
    const client = await context.client(AgentPoolService);
    const organization = await context.organization();
    const overviews = [];
    for (const agentPool of pools) overviews.push(await client.getAgentPoolOverview({ organization, agentPool }));
    for (const { agentPool } of overviews) refuseUsed(context, agentPool ?? create(AgentPoolSchema));
    for (const overview of overviews) {
      const { id, name } = overview.agentPool ?? create(AgentPoolSchema);
      await confirmOrStop(context, `Delete pool ${name}?${lossesText(overview)}`);
      await client.deleteAgentPool({ organization, agentPool: id });
      await answerGone(context, `pool/${name}`, `Deleted pool ${name}`);
    }
    return undefined;
  },
});

function refuseUsed(context: Context, { name, assignedWorkspaces }: AgentPool): void {
  if (assignedWorkspaces.length === 0) return;
  const names = assignedWorkspaces.slice(0, 10).join(", ");
  const them = assignedWorkspaces.length === 1 ? "it" : "them";
  const more = assignedWorkspaces.length > 10 ? ` and ${assignedWorkspaces.length - 10} more` : "";
  throw new CliError("conflict", `pool ${name} is used by ${names}${more}: assign ${them} to another pool first`, {
    code: "FAILED_PRECONDITION",
    reason: "POOL_IN_USE",
    metadata: { pool: name, workspaces: assignedWorkspaces.slice(0, 20).join(",") },
    hints: [{ label: "See who uses it", command: context.command(`workspace list --pool ${name}`) }],
  });
}

/** ` It takes along: 2 connected agents, 1 token, 3 grants.`; empty if nothing does. */
function lossesText({ agentPool, agents, agentTokens }: GetAgentPoolOverviewResponse): string {
  const connected = (agentPool?.counts?.idleAgents ?? 0) + (agentPool?.counts?.busyAgents ?? 0);
  const parts: readonly (readonly [number, string])[] = [
    [connected, "connected agent"],
    [Math.max(0, agents.length - connected), "lost agent"],
    [agentTokens.length, "token"],
    [agentPool?.grantedWorkspaces.length ?? 0, "grant"],
  ];
  const lost = parts.filter(([count]) => count > 0).map(([count, noun]) => counted(count, noun));
  return lost.length === 0 ? "" : ` It takes along: ${lost.join(", ")}.`;
}
