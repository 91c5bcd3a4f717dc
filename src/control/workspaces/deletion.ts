import type { Principal } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { counted } from "../../lib/text/counted.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries, WorkspaceLosses } from "../../store/ports/store.ts";
import { asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { heldError } from "../core/refusals.ts";
import { dropGrants } from "./grants.ts";
import { demandNoRuns, recordSettings } from "./workspaces.ts";

export type { WorkspaceLosses } from "../../store/ports/store.ts";

export interface WorkspaceDeletion {
  readonly reference: Reference;
  /** Also with state or a lock; never with a run under way. */
  readonly isForced: boolean;
  /** Only answer what would be lost, with state or a lock as well. */
  readonly isTrial?: boolean | undefined;
}

/** Deletes a workspace with its variables, configurations, runs and states, and answers how much that was. */
export async function deleteWorkspace(
  control: Control,
  who: Principal,
  { reference, isForced, isTrial = false }: WorkspaceDeletion,
): Promise<WorkspaceLosses> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    await demandNoRuns(tx, workspace, "cannot be deleted");
    const losses = await tx.workspaces.losses(workspace.id);
    if (isTrial) return losses;
    if (!isForced) await demandExpendable(tx, workspace, losses);
    await tx.workspaces.delete(workspace.id);
    // Whoever takes the name next has to be granted anew.
    await dropGrants(tx, at, workspace);
    await tx.workspaces.moveConsumer(workspace.organizationId, workspace.name, null);
    await recordSettings(tx, person, { workspace, action: "workspace.delete", at: at.now });
    return losses;
  });
}

async function demandExpendable(
  q: Queries,
  workspace: Workspace,
  { resources, unreadReason }: WorkspaceLosses,
): Promise<void> {
  const { name, currentStateId } = workspace;
  if (workspace.lock !== null) throw await heldError(q, workspace, "Unlock it first, or delete it with force");
  if (currentStateId === null) return;
  const held = unreadReason === "" ? counted(resources, "resource") : `not read: ${unreadReason}`;
  const message = `workspace "${name}" has state (${currentStateId}, ${held}): destroy its resources first, or delete it with force, and they are forgotten while they stay in the world`;
  throw new WindlassError("workspace_in_use", message, {
    metadata: { workspace: name, state_version_id: currentStateId, resources: String(resources) },
  });
}
