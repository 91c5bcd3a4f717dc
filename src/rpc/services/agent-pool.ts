import type { ServiceImpl } from "@connectrpc/connect";
import { assignWorkspaces, unassignWorkspaces } from "../../control/agents/pool-assignments.ts";
import { PoolHistories } from "../../control/agents/pool-history.ts";
import { getPoolOverview } from "../../control/agents/pool-overview.ts";
import { listQueuedJobs } from "../../control/agents/pool-queue.ts";
import { createPool, deletePool, getPool, listPools, updatePool } from "../../control/agents/pools.ts";
import type { Control } from "../../control/core/control.ts";
import { grantWorkspaces, revokeWorkspaces } from "../../control/workspaces/grants.ts";
import type { PoolView } from "../../control/workspaces/pool-view.ts";
import { newestOf } from "../../domain/agents/rollout.ts";
import { AgentSchema } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentPoolSchema, QueuedJobSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import type { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import { RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { toAgent } from "../mapping/agent.ts";
import { agentPoolFields, toAgentPool, toPoolHistory, toQueuedJob } from "../mapping/agent-pool.ts";
import { toAgentToken } from "../mapping/agent-token.ts";
import { fromMask } from "../mapping/field-mask.ts";
import { fromPage, toFirstMessages, toPage } from "../mapping/page.ts";
import { toListedRun } from "../mapping/run.ts";

/** How these requests name a pool. */
const referenceOf = ({ organization, agentPool }: { readonly organization: string; readonly agentPool: string }) => ({
  organization,
  name: agentPool,
});

/** Manages agent pools. */
export function agentPoolService(control: Control): ServiceImpl<typeof AgentPoolService> {
  const newest = async () => newestOf((await control.agentUpdates?.releases.current())?.releases ?? []);
  const shown = (view: PoolView, newestAgent = "") => toAgentPool(view, control.clock.now(), newestAgent);
  const histories = new PoolHistories(control);
  return {
    createAgentPool: async (request, context) => {
      const { organization, name, description, requestId } = request;
      const isOrganizationScoped = request.organizationScoped ?? true;
      const wanted = {
        organization,
        name,
        description,
        isOrganizationScoped,
        grants: request.grantedWorkspaces,
        requestId,
      };
      return { agentPool: shown(await createPool(control, callerOf(context), wanted)) };
    },
    getAgentPool: async (request, context) => ({
      agentPool: shown(await getPool(control, callerOf(context), referenceOf(request)), await newest()),
    }),
    listAgentPools: async (request, context) => {
      const { organization, search, orderBy } = request;
      const wanted = { organization, search, orderBy, page: fromPage(request) };
      const page = await listPools(control, callerOf(context), wanted);
      const { messages: agentPools, nextPageToken } = toPage(page, AgentPoolSchema, shown);
      return { agentPools, nextPageToken };
    },
    updateAgentPool: async (request, context) => {
      const changes = fromMask(request.updateMask, request.changes, agentPoolFields);
      const update = { reference: referenceOf(request), changes, etag: request.etag };
      return { agentPool: shown(await updatePool(control, callerOf(context), update), await newest()) };
    },
    deleteAgentPool: async (request, context) => {
      await deletePool(control, callerOf(context), referenceOf(request));
      return {};
    },
    grantWorkspaces: async (request, context) => {
      const wanted = { pool: referenceOf(request), workspaces: request.workspaces };
      return { agentPool: shown(await grantWorkspaces(control, callerOf(context), wanted)) };
    },
    revokeWorkspaces: async (request, context) => {
      const wanted = { pool: referenceOf(request), workspaces: request.workspaces };
      return { agentPool: shown(await revokeWorkspaces(control, callerOf(context), wanted)) };
    },
    getAgentPoolOverview: async (request, context) => {
      const overview = await getPoolOverview(control, callerOf(context), referenceOf(request));
      return {
        agentPool: shown(overview.pool, await newest()),
        agents: toFirstMessages(overview.agents, AgentSchema, toAgent),
        agentTokens: toFirstMessages(overview.tokens, AgentTokenSchema, toAgentToken),
        queuedJobs: toFirstMessages(overview.queue, QueuedJobSchema, toQueuedJob),
        activeRuns: toFirstMessages(overview.runs, RunSchema, toListedRun),
      };
    },
    listQueuedJobs: async (request, context) => {
      const wanted = { reference: referenceOf(request), page: fromPage(request) };
      const page = await listQueuedJobs(control, callerOf(context), wanted);
      const { messages: queuedJobs, nextPageToken } = toPage(page, QueuedJobSchema, toQueuedJob);
      return { queuedJobs, nextPageToken };
    },
    getAgentPoolHistory: async (request, context) =>
      toPoolHistory(await histories.get(callerOf(context), referenceOf(request))),
    assignWorkspaces: async (request, context) => {
      const wanted = { pool: referenceOf(request), workspaces: request.workspaces };
      return { agentPool: shown(await assignWorkspaces(control, callerOf(context), wanted)) };
    },
    unassignWorkspaces: async (request, context) => {
      const wanted = { pool: referenceOf(request), workspaces: request.workspaces };
      return { agentPool: shown(await unassignWorkspaces(control, callerOf(context), wanted)) };
    },
  };
}
