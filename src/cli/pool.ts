import { create } from "@bufbuild/protobuf";
import { AgentPoolSchema } from "../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService, ListAgentPoolsResponseSchema } from "../gen/windlass/v1/agent_pool_service_pb.ts";
import { answerChanged, answerGone, given, goneFormats, maskOf } from "./answers.ts";
import { type Command, command, one, some } from "./command.ts";
import { list, text, toggle } from "./flags.ts";
import { fetchRows, listFlags } from "./lists.ts";
import { assign, unassign } from "./pool-assign.ts";
import { poolColumns, poolLines, poolName, warnOfEmptyPools } from "./pool-view.ts";
import { confirmOrStop } from "./prompts.ts";

const pool = one("POOL", "its name or id");

/** Every verb of `windlass pool`. */
export const poolCommands: readonly Command[] = [
  command({
    name: "list",
    summary: "List the pools with their agents and queues",
    examples: ["windlass pool list", "windlass pool list -o wide"],
    flags: listFlags,
    run: async (context, { flags }) => {
      const client = await context.client(AgentPoolService);
      const organization = await context.organization();
      const { rows: agentPools, nextPageToken } = await fetchRows(context, flags, async (page) => {
        const answer = await client.listAgentPools({ organization, ...page });
        return { rows: answer.agentPools, nextPageToken: answer.nextPageToken };
      });
      const message = create(ListAgentPoolsResponseSchema, { agentPools, nextPageToken });
      const shown = { schema: ListAgentPoolsResponseSchema, message, item: AgentPoolSchema };
      await context.printer.list({ ...shown, rows: agentPools, name: poolName, columns: poolColumns }, flags);
      if (context.printer.isForPeople) warnOfEmptyPools(context, agentPools);
      return undefined;
    },
  }),
  command({
    name: "get",
    summary: "Show a pool with its counts, grants and workspaces",
    examples: ["windlass pool get prod"],
    positionals: { pool },
    run: async (context, { args }) => {
      const client = await context.client(AgentPoolService);
      const organization = await context.organization();
      const { agentPool } = await client.getAgentPool({ organization, agentPool: args.pool });
      const message = agentPool ?? create(AgentPoolSchema);
      const shown = { schema: AgentPoolSchema, message, name: poolName(message) };
      await context.printer.resource({ ...shown, lines: poolLines(message) });
      if (context.printer.isForPeople) warnOfEmptyPools(context, [message]);
      return undefined;
    },
  }),
  command({
    name: "create",
    summary: "Create a pool",
    examples: [
      'windlass pool create prod --description "prod VPC"',
      "windlass pool create prod --organization-scoped=false --grant network,dns",
    ],
    positionals: { name: one("NAME", "lower case letters, digits and dashes") },
    flags: {
      description: text("what it is for"),
      organizationScoped: toggle("any workspace may use it (the default); =false: only granted ones"),
      grant: list("workspaces that may use it, existing or not", { placeholder: "WS,WS" }),
    },
    run: async (context, { args, flags }) => {
      const client = await context.client(AgentPoolService);
      const { agentPool } = await client.createAgentPool({
        organization: await context.organization(),
        name: args.name,
        description: flags.description ?? "",
        ...given({ organizationScoped: flags.organizationScoped }),
        grantedWorkspaces: [...flags.grant],
        requestId: context.io.random.uuid(),
      });
      const message = agentPool ?? create(AgentPoolSchema);
      const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
      return answerChanged(context, { ...changed, done: `Created pool ${message.name} (${message.id})` }, [
        { label: "Admit agents", command: context.command(`token create --pool ${message.name} --name HOST`) },
        message.organizationScoped
          ? { label: "Use it", command: context.command(`pool assign ${message.name} WS`) }
          : { label: "Let a workspace use it", command: context.command(`pool grant ${message.name} WS`) },
      ]);
    },
  }),
  command({
    name: "edit",
    summary: "Change a pool",
    examples: ["windlass pool edit prod --organization-scoped=false", "windlass pool edit prod --name production"],
    positionals: { pool },
    flags: {
      name: text("a new name", { placeholder: "NAME" }),
      description: text("what it is for"),
      organizationScoped: toggle("any workspace may use it; =false: only granted ones"),
    },
    run: async (context, { args, flags }) => {
      const { name, description, organizationScoped } = flags;
      const updateMask = maskOf({ name, description, organization_scoped: organizationScoped });
      const client = await context.client(AgentPoolService);
      const { agentPool } = await client.updateAgentPool({
        organization: await context.organization(),
        agentPool: args.pool,
        changes: given({ name, description, organizationScoped }),
        updateMask,
      });
      const message = agentPool ?? create(AgentPoolSchema);
      const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
      return answerChanged(context, { ...changed, done: `Changed pool ${message.name}` });
    },
  }),
  command({
    name: "delete",
    summary: "Delete a pool that no workspace uses; its tokens end with it",
    examples: ["windlass pool delete prod"],
    positionals: { pool },
    formats: goneFormats,
    guard: () => "delete",
    run: async (context, { args }) => {
      const client = await context.client(AgentPoolService);
      await confirmOrStop(context, `Delete pool ${args.pool} and its tokens?`);
      await client.deleteAgentPool({ organization: await context.organization(), agentPool: args.pool });
      return answerGone(context, `pool/${args.pool}`, `Deleted pool ${args.pool}`);
    },
  }),
  command({
    name: "grant",
    summary: "Let workspaces use a pool that is not organization-scoped",
    examples: ["windlass pool grant prod network dns"],
    positionals: { pool, workspaces: some("WS", "names or ids; a name need not exist yet") },
    run: async (context, { args }) => {
      const client = await context.client(AgentPoolService);
      const { agentPool } = await client.grantWorkspaces({
        organization: await context.organization(),
        agentPool: args.pool,
        workspaces: [...args.workspaces],
      });
      const message = agentPool ?? create(AgentPoolSchema);
      const names = args.workspaces.join(", ");
      const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
      return answerChanged(context, { ...changed, done: `Pool ${message.name} may be used by ${names}` }, [
        { label: "Use it", command: context.command(`pool assign ${message.name} ${args.workspaces.join(" ")}`) },
      ]);
    },
  }),
  command({
    name: "revoke",
    summary: "Take grants back; workspaces stay assigned, but their runs wait",
    examples: ["windlass pool revoke prod dns"],
    positionals: { pool, workspaces: some("WS", "names or ids") },
    guard: () => "delete",
    run: async (context, { args }) => {
      const client = await context.client(AgentPoolService);
      const names = args.workspaces.join(", ");
      await confirmOrStop(context, `Take the grants of pool ${args.pool} back from ${names}?`);
      const { agentPool } = await client.revokeWorkspaces({
        organization: await context.organization(),
        agentPool: args.pool,
        workspaces: [...args.workspaces],
      });
      const message = agentPool ?? create(AgentPoolSchema);
      const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
      return answerChanged(context, { ...changed, done: `Pool ${message.name} is no longer granted to ${names}` });
    },
  }),
  assign,
  unassign,
];
