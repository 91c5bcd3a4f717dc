import { create } from "@bufbuild/protobuf";
import { WorkspaceSchema } from "../../gen/windlass/v1/workspace_pb.ts";
import { ListWorkspacesResponseSchema, WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { given } from "../../lib/values/records.ts";
import { choiceList, maxReason, sentence, list as tags, text, toggle } from "../line/flags.ts";
import { listRuns, runListFlags } from "../run/list.ts";
import { answerChanged, maskOf } from "../shared/answers.ts";
import { type Command, command, one } from "../shared/command.ts";
import { warnOfMissing } from "../shared/grants.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { confirmByName } from "../shared/prompts.ts";
import { engineWord } from "../terminal/words.ts";
import { remove } from "./delete.ts";
import { byPath, modes, settingFlags, settingsOf } from "./flags.ts";
import { lockHints, workspaceColumns, workspaceLines, workspaceName } from "./view.ts";

const workspace = one("WS", "its name or id");

const list = command({
  name: "list",
  summary: "List workspaces",
  examples: [
    "windlass workspace list",
    "windlass ws list --pool prod",
    "windlass ws list --tag prod,team:net --locked",
    "windlass ws list --needs-decision",
  ],
  flags: {
    pool: text("only workspaces assigned to this pool", { short: "p", placeholder: "POOL" }),
    tag: tags("only workspaces with all of these tags", { placeholder: "TAG,TAG" }),
    search: text("only workspaces whose name or description contains this text"),
    mode: choiceList("only workspaces in these execution modes", ["remote", "agent", "local"]),
    locked: toggle("only workspaces that somebody or some run has locked"),
    needsDecision: toggle("only workspaces whose run waits for a person"),
    ...listFlags(workspaceColumns),
  },
  run: async (context, { flags }) => {
    const client = await context.client(WorkspaceService);
    const conditions = {
      agentPool: flags.pool ?? "",
      tags: [...flags.tag],
      search: flags.search ?? "",
      executionModes: flags.mode.map((mode) => modes[mode]),
      locked: flags.locked === true,
      needsDecision: flags.needsDecision === true,
    };
    const scope = { organization: await context.organization(), ...conditions };
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
    if (context.printer.isForPeople) context.notes.next(lockHints(context, message));
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
  positionals: { name: one("NAME", "letters, digits, dashes and underscores") },
  flags: settingFlags,
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const answer = await client.createWorkspace({
      organization: await context.organization(),
      workspace: { name: args.name, ...given(settingsOf(flags)) },
      requestId: context.io.random.uuid(),
    });
    const message = answer.workspace ?? create(WorkspaceSchema);
    await warnOfMissing(context, flags.shareStateWith ?? []);
    const changed = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    // Who named none learns which one it is.
    const engine = flags.engine === undefined ? `, which runs ${engineWord(message.engine)}` : "";
    return answerChanged(context, { ...changed, done: `Created workspace ${message.name} (${message.id})${engine}` }, [
      { label: "Next", command: context.command(`run start ${message.name} --dir DIR`) },
    ]);
  },
});

const edit = command({
  name: "edit",
  summary: "Change a workspace",
  examples: [
    "windlass workspace edit network --pool prod --agent-selector zone=a,gpu",
    "windlass ws edit network --auto-apply=false --plan-timeout 30m",
    "windlass ws edit network --share-state-with apps,dns",
  ],
  positionals: { workspace },
  flags: { name: text("a new name", { placeholder: "NAME" }), ...settingFlags },
  run: async (context, { args, flags }) => {
    const settings = settingsOf(flags);
    const updateMask = maskOf({ name: flags.name, ...byPath(settings) });
    const client = await context.client(WorkspaceService);
    const answer = await client.updateWorkspace({
      organization: await context.organization(),
      workspace: args.workspace,
      changes: given({ name: flags.name, ...settings }),
      updateMask,
    });
    const message = answer.workspace ?? create(WorkspaceSchema);
    await warnOfMissing(context, flags.shareStateWith ?? []);
    const changed = { schema: WorkspaceSchema, message, name: workspaceName(message) };
    return answerChanged(context, { ...changed, done: `Changed workspace ${message.name}` });
  },
});

const lock = command({
  name: "lock",
  summary: "Lock a workspace: its new runs wait",
  examples: ['windlass workspace lock network --reason "moving the VPC"'],
  positionals: { workspace },
  flags: { reason: sentence("shown to everybody who waits", {}, maxReason) },
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
    const target = { organization: await context.organization(), ...args };
    if (force) {
      const { workspace: found } = await client.getWorkspace(target);
      const holder = found?.lock === undefined ? "" : `, which ${found.lock.holder} holds`;
      await confirmByName(context, `Break the lock of workspace ${args.workspace}${holder}?`, args.workspace);
    }
    const answer = await client.unlockWorkspace({ ...target, force });
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
