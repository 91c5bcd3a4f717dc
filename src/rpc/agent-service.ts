import type { ServiceImpl } from "@connectrpc/connect";
import { listAgentJobs, listAgents, watchAgents } from "../control/agent-list.ts";
import { deleteAgent, drainAgent, getAgent, pauseAgent, resumeAgent, type Steering } from "../control/agents.ts";
import type { Control } from "../control/control.ts";
import type { AgentService, WatchAgentsRequest } from "../gen/windlass/v1/agent_service_pb.ts";
import { callerOf } from "./caller.ts";
import { agentStatusesOf, toAgent, toAgentJob } from "./mapping/agent.ts";
import { pageOf } from "./mapping/page.ts";
import { mapItems } from "./streams.ts";

/** How these requests name an agent. */
const referenceOf = ({ organization, agent }: { readonly organization: string; readonly agent: string }) => ({
  organization,
  name: agent,
});

const steeringOf = (request: {
  readonly organization: string;
  readonly agent: string;
  readonly reason: string;
}): Steering => ({ ...referenceOf(request), reason: request.reason });

/** What both kinds of list say of the agents that are wanted. */
const wantedOf = ({ organization, agentPool, labelSelector, statuses }: WantedFields) => ({
  organization,
  pool: agentPool,
  selector: labelSelector,
  statuses: agentStatusesOf(statuses),
});

type WantedFields = Pick<WatchAgentsRequest, "organization" | "agentPool" | "labelSelector" | "statuses">;

/** Watches and steers agents. */
export const agentService = (control: Control): ServiceImpl<typeof AgentService> => ({
  getAgent: async (request, context) => ({
    agent: toAgent(await getAgent(control, callerOf(context), referenceOf(request))),
  }),
  listAgents: async (request, context) => {
    const { includeExited: includesExited, search } = request;
    const wanted = { ...wantedOf(request), includesExited, search, page: pageOf(request) };
    const { rows, nextToken } = await listAgents(control, callerOf(context), wanted);
    return { agents: rows.map(toAgent), nextPageToken: nextToken };
  },
  pauseAgent: async (request, context) => ({
    agent: toAgent(await pauseAgent(control, callerOf(context), steeringOf(request))),
  }),
  resumeAgent: async (request, context) => ({
    agent: toAgent(await resumeAgent(control, callerOf(context), referenceOf(request))),
  }),
  drainAgent: async (request, context) => ({
    agent: toAgent(await drainAgent(control, callerOf(context), steeringOf(request))),
  }),
  deleteAgent: async (request, context) => {
    await deleteAgent(control, callerOf(context), referenceOf(request));
    return {};
  },
  watchAgents: (request, context) => {
    const wanted = { ...wantedOf(request), includesExited: false, search: "" };
    const views = watchAgents(control, callerOf(context), { wanted, signal: context.signal });
    return mapItems(views, (rows) => ({ agents: rows.map(toAgent) }));
  },
  listAgentJobs: async (request, context) => {
    const wanted = { reference: referenceOf(request), page: pageOf(request) };
    const { rows, nextToken } = await listAgentJobs(control, callerOf(context), wanted);
    return { jobs: rows.map(toAgentJob), nextPageToken: nextToken };
  },
});
