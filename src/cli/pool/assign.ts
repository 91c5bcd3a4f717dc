import { create } from "@bufbuild/protobuf";
import { type AgentPool, AgentPoolSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService, ListAgentPoolsResponseSchema } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { ExecutionMode } from "../../gen/windlass/v1/workspace_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { choice } from "../line/flags.ts";
import type { Context } from "../server/context.ts";
import { answerChanged, ticked } from "../shared/answers.ts";
import { command, one, some } from "../shared/command.ts";
import { poolColumns, poolName } from "./view.ts";

const workspaces = some("WS", "names or ids of workspaces");

export const assign = command({
  name: "assign",
  summary: "Run workspaces on the agents of a pool, all of them or none",
  examples: ["windlass pool assign prod network dns"],
  positionals: { pool: one("POOL", "its name or id"), workspaces },
  run: async (context, { args }) => {
    const client = await context.client(AgentPoolService);
    const wanted = { organization: await context.organization(), agentPool: args.pool };
    const { agentPool } = await client.assignWorkspaces({ ...wanted, workspaces: [...args.workspaces] });
    const message = agentPool ?? create(AgentPoolSchema);
    const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
    const names = args.workspaces.join(", ");
    return answerChanged(context, { ...changed, done: `Pool ${message.name} runs ${names} on its agents` });
  },
});

export const unassign = command({
  name: "unassign",
  summary: "Take workspaces off their pools, for each pool all of them or none",
  examples: ["windlass pool unassign network", "windlass pool unassign network --execution-mode local"],
  positionals: { workspaces },
  flags: { executionMode: choice("where they run from now on (default remote: on the server)", ["remote", "local"]) },
  run: async (context, { args, flags }) => {
    const isLocal = flags.executionMode === "local";
    const groups = await byPool(context, args.workspaces);
    const changed: AgentPool[] = [];
    for (const [pool, names] of groups) {
      changed.push(await (isLocal ? makeLocal(context, pool, names) : takeOff(context, pool, names)));
      const done = `${names.join(", ")} of pool ${pool}: the execution mode is ${isLocal ? "local" : "remote"} now`;
      if (context.printer.isForPeople) await context.printer.lines([ticked(context, done)]);
    }
    if (!context.printer.isForPeople) await printAll(context, changed);
    return undefined;
  },
});

/** The workspaces by the pool that they are assigned to; says which are assigned to none. */
async function byPool(context: Context, names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const client = await context.client(WorkspaceService);
  const organization = await context.organization();
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const { workspace } = await client.getWorkspace({ organization, workspace: name });
    const pool = workspace?.agentPool ?? "";
    if (pool === "") context.notes.say(`workspace ${name} uses no pool`);
    else groups.set(pool, [...(groups.get(pool) ?? []), name]);
  }
  return groups;
}

async function takeOff(context: Context, agentPool: string, names: readonly string[]): Promise<AgentPool> {
  const client = await context.client(AgentPoolService);
  const organization = await context.organization();
  const answer = await client.unassignWorkspaces({ organization, agentPool, workspaces: [...names] });
  return answer.agentPool ?? create(AgentPoolSchema);
}

/** Local mode is a setting of each workspace; nothing of it may be under way. */
async function makeLocal(context: Context, agentPool: string, names: readonly string[]): Promise<AgentPool> {
  const client = await context.client(WorkspaceService);
  const organization = await context.organization();
  const changes = { executionMode: ExecutionMode.LOCAL };
  for (const workspace of names) {
    await client.updateWorkspace({ organization, workspace, changes, updateMask: { paths: ["execution_mode"] } });
  }
  const pools = await context.client(AgentPoolService);
  return (await pools.getAgentPool({ organization, agentPool })).agentPool ?? create(AgentPoolSchema);
}

const printAll = (context: Context, rows: readonly AgentPool[]): Promise<void> =>
  context.printer.list(
    {
      schema: ListAgentPoolsResponseSchema,
      message: create(ListAgentPoolsResponseSchema, { agentPools: [...rows] }),
      item: AgentPoolSchema,
      rows,
      name: poolName,
      columns: poolColumns,
    },
    { columns: [], noHeaders: false },
  );
