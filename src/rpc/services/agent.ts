import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  deleteAgent,
  drainAgent,
  getAgent,
  pauseAgent,
  resumeAgent,
  type Steering,
} from "../../control/agents/agents.ts";
import { removeKeptDirectories } from "../../control/agents/kept-directories.ts";
import { type AgentNews, listAgentComings, listAgentJobs, listAgents, watchAgents } from "../../control/agents/list.ts";
import type { Control } from "../../control/core/control.ts";
import { AgentEventSchema, AgentJobSchema, AgentSchema } from "../../gen/windlass/v1/agent_pb.ts";
import type {
  AgentService,
  WatchAgentsRequest,
  WatchAgentsResponseSchema,
} from "../../gen/windlass/v1/agent_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromAgentStatuses, toAgent, toAgentEvent, toAgentJob } from "../mapping/agent.ts";
import { fromPage, toPage, toPieces } from "../mapping/page.ts";
import { withSigns } from "../streams/signs-of-life.ts";

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
  statuses: fromAgentStatuses(statuses),
});

type WantedFields = Pick<WatchAgentsRequest, "organization" | "agentPool" | "labelSelector" | "statuses">;

type WatchMessage = MessageInitShape<typeof WatchAgentsResponseSchema>;

/** News of agents in messages that every client can read. */
async function* inMessages(news: AsyncIterable<AgentNews>): AsyncGenerator<WatchMessage, void> {
  for await (const { agents, goneIds, isFirst } of news) {
    const pieces = [
      ...toPieces(
        AgentSchema,
        agents.map((view) => create(AgentSchema, toAgent(view))),
      ),
    ];
    for (const [index, piece] of pieces.entries()) {
      const isLast = index === pieces.length - 1;
      const goneAgentIds = isLast ? [...goneIds] : [];
      yield { agents: piece, goneAgentIds, snapshotComplete: isLast || !isFirst };
    }
  }
}

/** Not before the first list, of which it would say that it is empty. */
const noNews = (last: WatchMessage | undefined): WatchMessage | undefined => last && { snapshotComplete: true };

/** Watches and steers agents. */
export const agentService = (control: Control): ServiceImpl<typeof AgentService> => ({
  getAgent: async (request, context) => ({
    agent: toAgent(await getAgent(control, callerOf(context), referenceOf(request))),
  }),
  listAgents: async (request, context) => {
    const { includeExited: includesExited, search } = request;
    const wanted = { ...wantedOf(request), includesExited, search, page: fromPage(request) };
    const page = await listAgents(control, callerOf(context), wanted);
    const { messages: agents, nextPageToken } = toPage(page, AgentSchema, toAgent);
    return { agents, nextPageToken };
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
  removeKeptDirectories: async (request, context) => {
    const { jobIds, all: isAll } = request;
    const wanted = { ...referenceOf(request), jobIds, isAll };
    return { agent: toAgent(await removeKeptDirectories(control, callerOf(context), wanted)) };
  },
  watchAgents: (request, context) => {
    const wanted = { ...wantedOf(request), includesExited: false, search: "" };
    const views = watchAgents(control, callerOf(context), { wanted, signal: context.signal });
    return withSigns(inMessages(views), { clock: control.clock, sign: noNews });
  },
  listAgentEvents: async (request, context) => {
    const wanted = { reference: referenceOf(request), page: fromPage(request) };
    const page = await listAgentComings(control, callerOf(context), wanted);
    const { messages: events, nextPageToken } = toPage(page, AgentEventSchema, (coming) =>
      toAgentEvent(coming, control.name),
    );
    return { events, nextPageToken };
  },
  listAgentJobs: async (request, context) => {
    const wanted = { reference: referenceOf(request), page: fromPage(request) };
    const page = await listAgentJobs(control, callerOf(context), wanted);
    const { messages: jobs, nextPageToken } = toPage(page, AgentJobSchema, toAgentJob);
    return { jobs, nextPageToken };
  },
});
