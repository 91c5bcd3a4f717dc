import { create } from "@bufbuild/protobuf";
import { AgentPoolSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { given } from "../../lib/values/records.ts";
import { list as names, text, toggle } from "../line/flags.ts";
import { answerChanged, maskOf } from "../shared/answers.ts";
import { type Command, command, one, some } from "../shared/command.ts";
import { warnOfMissing } from "../shared/grants.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { assign, unassign } from "./assign.ts";
import { remove } from "./delete.ts";
import { get, list, queue, stats } from "./look.ts";
import { poolTrust } from "./trust.ts";
import { update } from "./update.ts";
import { poolName } from "./view.ts";

const pool = one("POOL", "its name or id");

/** Every verb of `windlass pool`. */
export const poolCommands: readonly Command[] = [
  list,
  get,
  command({
    name: "create",
    summary: "Create a pool",
    examples: [
      'windlass pool create prod --description "prod VPC"',
      "windlass pool create prod --organization-scoped=false --grant network,dns",
    ],
    positionals: { name: one("NAME", "letters, digits, - and _") },
    flags: {
      description: text("what it is for"),
      organizationScoped: toggle("any workspace may use it (the default); =false: only granted ones"),
      grant: names("workspaces that may use it, existing or not", { placeholder: "WS,WS" }),
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
      await warnOfMissing(context, flags.grant);
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
  remove,
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
      const granted = args.workspaces.join(", ");
      const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
      await answerChanged(context, { ...changed, done: `Pool ${message.name} may be used by ${granted}` }, [
        { label: "Use it", command: context.command(`pool assign ${message.name} ${args.workspaces.join(" ")}`) },
      ]);
      return warnOfMissing(context, args.workspaces);
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
      const workspaces = args.workspaces.join(", ");
      await client.getAgentPool({ organization: await context.organization(), agentPool: args.pool });
      await confirmOrStop(context, `Take the grants of pool ${args.pool} back from ${workspaces}?`);
      const { agentPool } = await client.revokeWorkspaces({
        organization: await context.organization(),
        agentPool: args.pool,
        workspaces: [...args.workspaces],
      });
      const message = agentPool ?? create(AgentPoolSchema);
      const changed = { schema: AgentPoolSchema, message, name: poolName(message) };
      return answerChanged(context, { ...changed, done: `Pool ${message.name} is no longer granted to ${workspaces}` });
    },
  }),
  update,
  poolTrust,
  assign,
  unassign,
  queue,
  stats,
];
