import type { ServiceImpl } from "@connectrpc/connect";
import { deleteAgent, drainAgent, getAgent, listAgents, pauseAgent, resumeAgent } from "../control/agents.ts";
import type { Control } from "../control/control.ts";
import type { AgentService } from "../gen/windlass/v1/agent_service_pb.ts";
import { callerOf } from "./caller.ts";
import { toAgent } from "./mapping/agent.ts";
import { pageOf } from "./mapping/page.ts";

/** How these requests name an agent. */
const referenceOf = ({ organization, agent }: { readonly organization: string; readonly agent: string }) => ({
  organization,
  name: agent,
});

/** Watches and steers agents. */
export const agentService = (control: Control): ServiceImpl<typeof AgentService> => ({
  getAgent: async (request, context) => ({
    agent: toAgent(await getAgent(control, callerOf(context), referenceOf(request))),
  }),
  listAgents: async (request, context) => {
    const { organization, agentPool: pool, includeExited: includesExited } = request;
    const wanted = { organization, pool, includesExited, page: pageOf(request) };
    const { rows, nextToken } = await listAgents(control, callerOf(context), wanted);
    return { agents: rows.map(toAgent), nextPageToken: nextToken };
  },
  pauseAgent: async (request, context) => ({
    agent: toAgent(await pauseAgent(control, callerOf(context), referenceOf(request))),
  }),
  resumeAgent: async (request, context) => ({
    agent: toAgent(await resumeAgent(control, callerOf(context), referenceOf(request))),
  }),
  drainAgent: async (request, context) => ({
    agent: toAgent(await drainAgent(control, callerOf(context), referenceOf(request))),
  }),
  deleteAgent: async (request, context) => {
    await deleteAgent(control, callerOf(context), referenceOf(request));
    return {};
  },
});
