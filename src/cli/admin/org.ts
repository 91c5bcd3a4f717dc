import { create } from "@bufbuild/protobuf";
import { type Organization, OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import { ListOrganizationsResponseSchema, OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { Engine, ExecutionMode } from "../../gen/windlass/v1/workspace_pb.ts";
import { given } from "../../lib/values/records.ts";
import { choice, count, type FlagValues, text, toggle } from "../line/flags.ts";
import { answerChanged, answerGone, goneFormats, maskOf } from "../shared/answers.ts";
import { type Command, command, maybe, one } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { confirmByName } from "../shared/prompts.ts";
import { ageText, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";

const maxAgents = 1_000_000;
const maxWorkspaces = 1_000_000;
const limitText = (limit: number): string => (limit === 0 ? "no limit" : String(limit));
const engineText = ({ defaultEngine, defaultEngineVersion }: Organization): string =>
  [enumText(Engine, defaultEngine), defaultEngineVersion].filter((part) => part !== "").join(" ");

const modeText = ({ defaultExecutionMode, defaultAgentPool }: Organization): string =>
  [enumText(ExecutionMode, defaultExecutionMode), defaultAgentPool].filter((part) => part !== "").join(" ");

const settingFlags = {
  maxAgents: count("most agents connected at once; 0 is no limit", maxAgents),
  maxWorkspaces: count("most workspaces; 0 is no limit (site admins)", maxWorkspaces),
  defaultExecutionMode: choice("execution mode of new workspaces that name none, and of those that follow", [
    "remote",
    "local",
    "agent",
  ]),
  defaultEngine: choice("engine of new workspaces that name none", ["terraform", "tofu"]),
  defaultEngineVersion: text(
    'its version for new workspaces that name neither, 1.11 being any 1.11.x; "" is whatever the agent has',
    {
      placeholder: "VERSION",
    },
  ),
  email: text("whom to ask about it", { placeholder: "ADDRESS" }),
  protectState: choice("only owners may delete workspaces that have resources by force", ["yes", "no"]),
};

const modes = { remote: ExecutionMode.REMOTE, local: ExecutionMode.LOCAL, agent: ExecutionMode.AGENT } as const;

/** The settings that were given, as messages have them. */
const settingsOf = (flags: FlagValues<typeof settingFlags>) => ({
  maxAgents: flags.maxAgents,
  maxWorkspaces: flags.maxWorkspaces,
  defaultExecutionMode: flags.defaultExecutionMode === undefined ? undefined : modes[flags.defaultExecutionMode],
  defaultEngine:
    flags.defaultEngine === undefined ? undefined : flags.defaultEngine === "tofu" ? Engine.TOFU : Engine.TERRAFORM,
  defaultEngineVersion: flags.defaultEngineVersion,
  email: flags.email,
  protectsState: flags.protectState === undefined ? undefined : flags.protectState === "yes",
});
const nameOf = ({ name }: Organization): string => `org/${name}`;

export const organizationColumns: readonly Column<Organization>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "AGENTS", value: ({ connectedAgents }) => String(connectedAgents) },
  { name: "MAX AGENTS", value: ({ maxAgents: limit }) => limitText(limit) },
  { name: "MAX WORKSPACES", isWide: true, value: ({ maxWorkspaces: limit }) => limitText(limit) },
  {
    name: "DEFAULT MODE",
    isWide: true,
    value: modeText,
  },
  { name: "DEFAULT ENGINE", isWide: true, value: engineText },
  { name: "AGE", drop: 1, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** Every verb of `windlass org`. */
export const orgCommands: readonly Command[] = [
  command({
    name: "list",
    summary: "List the organizations you can see",
    examples: ["windlass org list", "windlass org list -o name"],
    flags: listFlags(organizationColumns),
    run: async (context, { flags }) => {
      const client = await context.client(OrganizationService);
      const found = await fetchRows(context, flags, async (page) => {
        const { organizations, nextPageToken } = await client.listOrganizations(page);
        return { rows: organizations, nextPageToken };
      });
      const { rows: organizations, nextPageToken } = found;
      const message = create(ListOrganizationsResponseSchema, { organizations, nextPageToken });
      await context.printer.list(
        {
          schema: ListOrganizationsResponseSchema,
          message,
          item: OrganizationSchema,
          rows: organizations,
          name: nameOf,
          columns: organizationColumns,
        },
        flags,
      );
      return undefined;
    },
  }),
  command({
    name: "get",
    summary: "Show an organization",
    examples: ["windlass org get", "windlass org get acme -o json"],
    positionals: { organization: maybe("ORG", "its name or id; else the one in use") },
    run: async (context, { args }) => {
      const client = await context.client(OrganizationService);
      const organization = args.organization ?? (await context.organization());
      const { organization: found } = await client.getOrganization({ organization });
      const message = found ?? create(OrganizationSchema);
      await context.printer.resource({
        schema: OrganizationSchema,
        message,
        name: nameOf(message),
        lines: detailLines([
          ["Name", message.name],
          ["Id", message.id],
          ["Connected agents", String(message.connectedAgents)],
          ["Max agents", limitText(message.maxAgents)],
          ["Max workspaces", limitText(message.maxWorkspaces)],
          ["Default mode", modeText(message)],
          ["Default engine", engineText(message)],
          ["Email", message.email],
          ["Protects state", message.protectsState ? "yes" : "no"],
          ["Created", timeText(message.createTime)],
          ["Changed", timeText(message.updateTime)],
        ]),
      });
      return undefined;
    },
  }),
  command({
    name: "create",
    summary: "Create an organization (site admins)",
    examples: ["windlass org create acme", "windlass org create acme --max-agents 20 --default-engine tofu"],
    positionals: { name: one("NAME", "letters, digits, - and _") },
    flags: settingFlags,
    run: async (context, { args, flags }) => {
      const client = await context.client(OrganizationService);
      const requestId = context.io.random.uuid();
      const { organization } = await client.createOrganization({
        name: args.name,
        ...given(settingsOf(flags)),
        requestId,
      });
      const message = organization ?? create(OrganizationSchema);
      const changed = { schema: OrganizationSchema, message, name: nameOf(message) };
      return answerChanged(context, { ...changed, done: `Created organization ${message.name} (${message.id})` }, [
        { label: "Next", command: `windlass pool create POOL --org ${message.name}` },
      ]);
    },
  }),
  command({
    name: "edit",
    summary: "Change an organization",
    examples: ["windlass org edit acme --max-agents 50", "windlass org edit --default-execution-mode local"],
    positionals: { organization: maybe("ORG", "its name or id; else the one in use") },
    flags: {
      name: text("a new name", { placeholder: "NAME" }),
      ...settingFlags,
      defaultAgentPool: text("agent pool that goes with the default execution mode agent", { placeholder: "POOL" }),
    },
    run: async (context, { args, flags }) => {
      const settings = settingsOf(flags);
      const updateMask = maskOf({
        name: flags.name,
        max_agents: settings.maxAgents,
        max_workspaces: settings.maxWorkspaces,
        default_execution_mode: settings.defaultExecutionMode,
        default_engine: settings.defaultEngine,
        default_engine_version: settings.defaultEngineVersion,
        default_agent_pool: flags.defaultAgentPool,
        email: settings.email,
        protects_state: settings.protectsState,
      });
      const client = await context.client(OrganizationService);
      const named = args.organization ?? (await context.organization());
      const target = named || (await client.getOrganization({})).organization?.id || "";
      const changes = given({ name: flags.name, defaultAgentPool: flags.defaultAgentPool, ...settings });
      const { organization } = await client.updateOrganization({ organization: target, changes, updateMask });
      const message = organization ?? create(OrganizationSchema);
      const changed = { schema: OrganizationSchema, message, name: nameOf(message) };
      return answerChanged(context, { ...changed, done: `Changed organization ${message.name}` });
    },
  }),
  command({
    name: "delete",
    summary: "Delete an organization (site admins)",
    examples: ["windlass org delete acme", "windlass org delete acme --force --yes"],
    positionals: { organization: one("ORG", "its name or id") },
    flags: { force: toggle("with all that it owns; its runs end where they stand") },
    formats: goneFormats,
    guard: () => "delete",
    run: async (context, { args: { organization }, flags: { force } }) => {
      const client = await context.client(OrganizationService);
      await client.getOrganization({ organization });
      const what = force === true ? " and all that it owns" : "";
      await confirmByName(context, `Delete organization ${organization}${what}?`, organization);
      await client.deleteOrganization({ organization, force: force === true });
      return answerGone(context, `org/${organization}`, `Deleted organization ${organization}`);
    },
  }),
];
