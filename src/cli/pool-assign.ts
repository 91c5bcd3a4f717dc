import { create } from "@bufbuild/protobuf";
import { ExecutionMode, type Workspace, WorkspaceSchema } from "../gen/windlass/v1/workspace_pb.ts";
import { ListWorkspacesResponseSchema, WorkspaceService } from "../gen/windlass/v1/workspace_service_pb.ts";
import { ticked } from "./answers.ts";
import { command, one, some } from "./command.ts";
import type { Context } from "./context.ts";
import { choice } from "./flags.ts";
import { workspaceColumns, workspaceName } from "./workspace-view.ts";

const workspaces = some("WS", "names or ids of workspaces");

export const assign = command({
  name: "assign",
  summary: "Run workspaces on the agents of a pool",
  examples: ["windlass pool assign prod network dns"],
  positionals: { pool: one("POOL", "its name or id"), workspaces },
  run: async (context, { args }) => {
    const done = (name: string) => `Workspace ${name} runs on the agents of pool ${args.pool}`;
    return changeAll(context, args.workspaces, { mode: ExecutionMode.AGENT, agentPool: args.pool, done });
  },
});

export const unassign = command({
  name: "unassign",
  summary: "Take workspaces off their pool",
  examples: ["windlass pool unassign network", "windlass pool unassign network --execution-mode local"],
  positionals: { workspaces },
  flags: { executionMode: choice("where they run from now on (default remote: on the server)", ["remote", "local"]) },
  run: async (context, { args, flags }) => {
    const mode = flags.executionMode === "local" ? ExecutionMode.LOCAL : ExecutionMode.REMOTE;
    const done = (name: string) => `Workspace ${name} uses no pool: its mode is ${flags.executionMode ?? "remote"}`;
    return changeAll(context, args.workspaces, { mode, agentPool: "", done });
  },
});

interface Change {
  readonly mode: ExecutionMode;
  readonly agentPool: string;
  readonly done: (workspace: string) => string;
}

async function changeAll(context: Context, names: readonly string[], change: Change): Promise<undefined> {
  const client = await context.client(WorkspaceService);
  const organization = await context.organization();
  const changed: Workspace[] = [];
  for (const workspace of names) {
    const answer = await client.updateWorkspace({
      organization,
      workspace,
      changes: { executionMode: change.mode, agentPool: change.agentPool },
      updateMask: { paths: ["execution_mode", "agent_pool"] },
    });
    changed.push(answer.workspace ?? create(WorkspaceSchema));
    if (context.printer.isForPeople) await context.printer.lines([ticked(context, change.done(workspace))]);
  }
  if (!context.printer.isForPeople) await printAll(context, changed);
  return undefined;
}

const printAll = (context: Context, rows: Workspace[]): Promise<void> =>
  context.printer.list(
    {
      schema: ListWorkspacesResponseSchema,
      message: create(ListWorkspacesResponseSchema, { workspaces: rows }),
      item: WorkspaceSchema,
      rows,
      name: workspaceName,
      columns: workspaceColumns,
    },
    { columns: [], noHeaders: false },
  );
