import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { AgentPoolCountsSchema, AgentPoolSchema, QueuedJobSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import {
  AgentPoolService,
  type GetAgentPoolHistoryResponse,
  ListAgentPoolsResponseSchema,
  ListQueuedJobsResponseSchema,
} from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { agentColumns } from "../agent/view.ts";
import { choice, text } from "../line/flags.ts";
import type { Context } from "../server/context.ts";
import { command, one } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import type { Text } from "../terminal/painted.ts";
import type { Column } from "../terminal/table.ts";
import { warnOfMissingTarget } from "./missing-target.ts";
import { countLines, poolColumns, poolLines, poolName, queueColumns, queuedJobName, warnOfEmptyPools } from "./view.ts";

const pool = one("POOL", "its name or id");

export const list = command({
  name: "list",
  summary: "List the pools with their agents and queues",
  examples: [
    "windlass pool list",
    "windlass pool list -o wide",
    'windlass pool list --search gpu --order-by "create_time desc"',
  ],
  flags: {
    search: text("only pools with this text in name or description"),
    orderBy: choice("the order (default name)", ["name", "name desc", "create_time", "create_time desc"]),
    ...listFlags(poolColumns),
  },
  run: async (context, { flags }) => {
    const client = await context.client(AgentPoolService);
    const organization = await context.organization();
    const scope = { organization, search: flags.search ?? "", orderBy: flags.orderBy ?? "" };
    const { rows: agentPools, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listAgentPools({ ...scope, ...page });
      return { rows: answer.agentPools, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAgentPoolsResponseSchema, { agentPools, nextPageToken });
    const shown = { schema: ListAgentPoolsResponseSchema, message, item: AgentPoolSchema };
    await context.printer.list({ ...shown, rows: agentPools, name: poolName, columns: poolColumns }, flags);
    if (context.printer.isForPeople) warnOfEmptyPools(context, agentPools);
    return undefined;
  },
});

/** An older server does not tell: then nothing is shown of it. */
const lastHour = (
  client: Client<typeof AgentPoolService>,
  wanted: { readonly organization: string; readonly agentPool: string },
): Promise<GetAgentPoolHistoryResponse | undefined> =>
  client.getAgentPoolHistory(wanted).catch((error: unknown) => {
    if (error instanceof ConnectError && error.code === Code.Unimplemented) return undefined;
    throw error;
  });

export const get = command({
  name: "get",
  summary: "Show a pool with its counts, grants, workspaces, agents and queue",
  examples: ["windlass pool get prod"],
  positionals: { pool },
  run: async (context, { args }) => {
    const client = await context.client(AgentPoolService);
    const wanted = { organization: await context.organization(), agentPool: args.pool };
    const { printer } = context;
    const overview = printer.isForPeople
      ? await client.getAgentPoolOverview(wanted)
      : { ...(await client.getAgentPool(wanted)), agents: [], queuedJobs: [] };
    const message = overview.agentPool ?? create(AgentPoolSchema);
    const history = printer.isForPeople ? await lastHour(client, wanted) : undefined;
    const lines = [
      ...poolLines(message, { agents: overview.agents, history }),
      ...section(
        context,
        overview.agents,
        agentColumns.filter(({ name }) => name !== "POOL"),
      ),
      ...section(context, overview.queuedJobs, queueColumns),
    ];
    await printer.resource({ schema: AgentPoolSchema, message, name: poolName(message), lines });
    if (printer.isForPeople) warnOfEmptyPools(context, [message]);
    warnOfMissingTarget(context, message);
    return undefined;
  },
});

/** A table after an empty line; nothing for no rows. */
function section<Row>({ printer }: Context, rows: readonly Row[], columns: readonly Column<Row>[]): readonly Text[] {
  return rows.length === 0 ? [] : ["", ...printer.table(rows, columns)];
}

export const stats = command({
  name: "stats",
  summary: "Show how many agents and jobs a pool has right now",
  examples: ["windlass pool stats prod", "windlass pool stats prod -o json"],
  positionals: { pool },
  run: async (context, { args }) => {
    const client = await context.client(AgentPoolService);
    const answer = await client.getAgentPool({ organization: await context.organization(), agentPool: args.pool });
    const message = answer.agentPool?.counts ?? create(AgentPoolCountsSchema);
    const name = poolName(answer.agentPool ?? create(AgentPoolSchema));
    await context.printer.resource({ schema: AgentPoolCountsSchema, message, name, lines: countLines(message) });
    return undefined;
  },
});

export const queue = command({
  name: "queue",
  summary: "List the jobs that wait for a pool's agents, in order, and why",
  examples: ["windlass pool queue prod", "windlass pool queue prod -o jsonl"],
  positionals: { pool },
  flags: listFlags(queueColumns),
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentPoolService);
    const scope = { organization: await context.organization(), agentPool: args.pool };
    const { rows: queuedJobs, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listQueuedJobs({ ...scope, ...page });
      return { rows: answer.queuedJobs, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListQueuedJobsResponseSchema, { queuedJobs, nextPageToken });
    const shown = { schema: ListQueuedJobsResponseSchema, message, item: QueuedJobSchema };
    await context.printer.list({ ...shown, rows: queuedJobs, name: queuedJobName, columns: queueColumns }, flags);
    return undefined;
  },
});
