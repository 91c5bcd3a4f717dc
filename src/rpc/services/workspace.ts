import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import { lockWorkspace, unlockWorkspace } from "../../control/runs/workspace-locks.ts";
import { deleteWorkspace } from "../../control/workspaces/deletion.ts";
import { createWorkspace, getWorkspace, listWorkspaces, updateWorkspace } from "../../control/workspaces/workspaces.ts";
import { ExecutionMode, WorkspaceSchema } from "../../gen/windlass/v1/workspace_pb.ts";
import type { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromMask } from "../mapping/field-mask.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { fromReference } from "../mapping/reference.ts";
import { fromMode, fromWorkspace, toLosses, toWorkspace, workspaceFields } from "../mapping/workspace.ts";

/** Manages workspaces. */
export const workspaceService = (control: Control): ServiceImpl<typeof WorkspaceService> => ({
  createWorkspace: async ({ organization, workspace, requestId }, context) => {
    if (workspace === undefined) throw invalid("workspace", "is required");
    const wanted = { organization, settings: fromWorkspace(workspace), requestId };
    return { workspace: toWorkspace(await createWorkspace(control, callerOf(context), wanted)) };
  },
  getWorkspace: async (request, context) => ({
    workspace: toWorkspace(await getWorkspace(control, callerOf(context), fromReference(request))),
  }),
  listWorkspaces: async (request, context) => {
    const { organization, agentPool: pool, tags, search, locked: isLocked, needsDecision } = request;
    const modes = request.executionModes.filter((mode) => mode !== ExecutionMode.UNSPECIFIED).map(fromMode);
    const wanted = { organization, pool, tags, search, modes, isLocked, needsDecision, page: fromPage(request) };
    const page = await listWorkspaces(control, callerOf(context), wanted);
    const { messages: workspaces, nextPageToken } = toPage(page, WorkspaceSchema, toWorkspace);
    return { workspaces, nextPageToken };
  },
  updateWorkspace: async (request, context) => {
    const changes = fromMask(request.updateMask, request.changes, workspaceFields);
    const update = { reference: fromReference(request), changes, etag: request.etag };
    return { workspace: toWorkspace(await updateWorkspace(control, callerOf(context), update)) };
  },
  deleteWorkspace: async (request, context) => {
    const { force: isForced, validateOnly: isTrial } = request;
    const deletion = { reference: fromReference(request), isForced, isTrial };
    return { losses: toLosses(await deleteWorkspace(control, callerOf(context), deletion)) };
  },
  lockWorkspace: async (request, context) => {
    const wanted = { reference: fromReference(request), reason: request.reason };
    return { workspace: toWorkspace(await lockWorkspace(control, callerOf(context), wanted)) };
  },
  unlockWorkspace: async (request, context) => {
    const wanted = { reference: fromReference(request), isForced: request.force };
    return { workspace: toWorkspace(await unlockWorkspace(control, callerOf(context), wanted)) };
  },
});
