import { create } from "@bufbuild/protobuf";
import { Engine, ExecutionMode, WorkspaceSchema } from "../gen/windlass/v1/workspace_pb.ts";
import { ListWorkspacesResponseSchema, WorkspaceService } from "../gen/windlass/v1/workspace_service_pb.ts";
import { answerChanged, answerGone, given, goneFormats, maskOf } from "./answers.ts";
import { type Command, command, one } from "./command.ts";
import { choice, type FlagValues, text, toggle } from "./flags.ts";
import { fetchRows, listFlags } from "./lists.ts";
import { confirmByName } from "./prompts.ts";
import { listRuns, runListFlags } from "./run-list.ts";
import { workspaceColumns, workspaceLines, workspaceName } from "./workspace-view.ts";

const workspace = one("WS", "its name or id");

const modes = { remote: ExecutionMode.REMOTE, agent: ExecutionMode.AGENT, local: ExecutionMode.LOCAL } as const;
const engines = { terraform: Engine.TERRAFORM, tofu: Engine.TOFU } as const;

const settingFlags = {
  description: text("what it is for"),
  executionMode: choice("where it runs: on the server, on a pool's agents, or elsewhere", ["remote", "agent", "local"]),
  pool: text("the pool it runs on; means --execution-mode agent", { short: "p", placeholder: "POOL" }),
  engine: choice("the program that plans and applies", ["terraform", "tofu"]),
  engineVersion: text('exact or a constraint, such as 1.11.4 or "~> 1.11"', { placeholder: "VERSION" }),
  workingDirectory: text("where in the configuration it runs", { placeholder: "DIR" }),
  autoApply: toggle("apply without asking when a plan has changes"),
};

/** What the flags set; undefined where a flag was not given. */
function settingsOf(flags: FlagValues<typeof settingFlags>) {
  const mode = flags.executionMode ?? (flags.pool === undefined ? undefined : "agent");
  // A workspace that leaves its pool must not keep it: only mode agent has one.
  const leavesPool = mode !== undefined && mode !== "agent" && flags.pool === undefined;
  return {
    description: flags.description,
    executionMode: mode === undefined ? undefined : modes[mode],
    agentPool: leavesPool ? "" : flags.pool,
    engine: flags.engine === undefined ? undefined : engines[flags.engine],
    engineVersion: flags.engineVersion,
    workingDirectory: flags.workingDirectory,
    autoApply: flags.autoApply,
  };
}

const list = command({
  name: "list",
  summary: "List workspaces",
  examples: ["windlass workspace list", "windlass ws list --pool prod"],
  flags: { pool: text("only workspaces assigned to this pool", { short: "p", placeholder: "POOL" }), ...listFlags },
  run: async (context, { flags }) => {
    const client = await context.client(WorkspaceService);
    const scope = { organization: await context.organization(), agentPool: flags.pool ?? "" };
    const { rows: workspaces, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listWorkspaces({ ...scope, ...page });
      return { rows: answer.workspaces, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListWorkspacesResponseSchema, { workspaces, nextPageToken });
    const shown = { schema: ListWorkspacesResponseSchema, message, item: WorkspaceSchema };
    await context.printer.list({ ...shown, rows: workspaces, name: workspaceName, columns: workspaceColumns }, flags);
    return undefined;
  },
});

const get = command({
  name: "get",
  summary: "Show a workspace",
  examples: ["windlass workspace get network", "windlass ws get network -o json"],
  positionals: { workspace },
  run: async (context, { args }) => {
    const client = await context.client(WorkspaceService);
    const answer = await client.getWorkspace({ organization: await context.organization(), ...args });
    const message = answer.workspace ?? create(WorkspaceSchema);
    const shown = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    await context.printer.resource({ ...shown, lines: workspaceLines(message) });
    return undefined;
  },
});

const createWorkspace = command({
  name: "create",
  summary: "Create a workspace",
  examples: [
    "windlass workspace create network",
    "windlass ws create network --pool prod --engine tofu --engine-version 1.12.1",
  ],
  positionals: { name: one("NAME", "lower case letters, digits and dashes") },
  flags: settingFlags,
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const answer = await client.createWorkspace({
      organization: await context.organization(),
      workspace: { name: args.name, ...given(settingsOf(flags)) },
      requestId: context.io.random.uuid(),
    });
    const message = answer.workspace ?? create(WorkspaceSchema);
    const changed = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    return answerChanged(context, { ...changed, done: `Created workspace ${message.name} (${message.id})` }, [
      { label: "Next", command: context.command(`run start ${message.name} --dir DIR`) },
    ]);
  },
});

const edit = command({
  name: "edit",
  summary: "Change a workspace",
  examples: ["windlass workspace edit network --pool prod", "windlass ws edit network --auto-apply=false"],
  positionals: { workspace },
  flags: { name: text("a new name", { placeholder: "NAME" }), ...settingFlags },
  run: async (context, { args, flags }) => {
    const settings = settingsOf(flags);
    const updateMask = maskOf({
      name: flags.name,
      description: settings.description,
      execution_mode: settings.executionMode,
      agent_pool: settings.agentPool,
      engine: settings.engine,
      engine_version: settings.engineVersion,
      working_directory: settings.workingDirectory,
      auto_apply: settings.autoApply,
    });
    const client = await context.client(WorkspaceService);
    const answer = await client.updateWorkspace({
      organization: await context.organization(),
      workspace: args.workspace,
      changes: given({ name: flags.name, ...settings }),
      updateMask,
    });
    const message = answer.workspace ?? create(WorkspaceSchema);
    const changed = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    return answerChanged(context, { ...changed, done: `Changed workspace ${message.name}` });
  },
});

const remove = command({
  name: "delete",
  summary: "Delete a workspace with its variables, runs and state",
  examples: ["windlass workspace delete network", "windlass ws delete network --force --yes"],
  positionals: { workspace },
  flags: { force: toggle("although it has state: terraform forgets the resources, which stay in the world") },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const what = flags.force === true ? ", and forget the resources in its state" : "";
    await confirmByName(context, `Delete workspace ${args.workspace}${what}?`, args.workspace);
    const organization = await context.organization();
    await client.deleteWorkspace({ organization, ...args, force: flags.force === true });
    return answerGone(context, `workspace/${args.workspace}`, `Deleted workspace ${args.workspace}`);
  },
});

const lock = command({
  name: "lock",
  summary: "Lock a workspace: its new runs wait",
  examples: ['windlass workspace lock network --reason "moving the VPC"'],
  positionals: { workspace },
  flags: { reason: text("shown to everybody who waits") },
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const organization = await context.organization();
    const answer = await client.lockWorkspace({ organization, ...args, reason: flags.reason ?? "" });
    const message = answer.workspace ?? create(WorkspaceSchema);
    const changed = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    return answerChanged(context, { ...changed, done: `Locked workspace ${message.name}` }, [
      { label: "Unlock", command: context.command(`workspace unlock ${message.name}`) },
    ]);
  },
});

const unlock = command({
  name: "unlock",
  summary: "Release a lock",
  examples: ["windlass workspace unlock network", "windlass ws unlock network --force"],
  positionals: { workspace },
  flags: { force: toggle("although somebody else took it, or a lost run left it behind") },
  guard: (flags) => (flags.force === true ? "force" : undefined),
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const force = flags.force === true;
    if (force) await confirmByName(context, `Break the lock of workspace ${args.workspace}?`, args.workspace);
    const answer = await client.unlockWorkspace({ organization: await context.organization(), ...args, force });
    const message = answer.workspace ?? create(WorkspaceSchema);
    const changed = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    return answerChanged(context, { ...changed, done: `Unlocked workspace ${message.name}` });
  },
});

const runs = command({
  name: "runs",
  summary: "List the runs of a workspace, newest first",
  examples: ["windlass workspace runs network"],
  positionals: { workspace },
  flags: runListFlags,
  run: (context, { args, flags }) => listRuns(context, args.workspace, flags),
});

/** Every verb of `windlass workspace`. */
export const workspaceCommands: readonly Command[] = [list, get, createWorkspace, edit, remove, lock, unlock, runs];
