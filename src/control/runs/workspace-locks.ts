import type { Person, Principal } from "../../domain/people/principal.ts";
import { isFinal } from "../../domain/runs/run.ts";
import type { Workspace, WorkspaceLock } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { aboutWorkspace, asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { heldError, holderOf, lockedError, runAdvice } from "../core/refusals.ts";
import { viewWorkspace, type WorkspaceView } from "../workspaces/view.ts";
import { promoteNext } from "./advance.ts";

/** Locks a workspace for a person: its new runs wait. */
export async function lockWorkspace(
  control: Control,
  who: Principal,
  { reference, reason }: { readonly reference: Reference; readonly reason: string },
): Promise<WorkspaceView> {
  const person = asPerson(who);
  return changeAbout(control, aboutWorkspace(person, reference), async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    if (workspace.lock !== null) throw await heldError(tx, workspace, "Wait for its release, or unlock it first");
    const lock: WorkspaceLock = { kind: "person", by: actorOf(person), reason, at: at.now };
    const next: Workspace = { ...workspace, lock, updatedAt: at.now, version: workspace.version + 1 };
    await tx.workspaces.save(next);
    const { id, organizationId, name } = workspace;
    await record(tx, person, {
      action: "workspace.lock",
      resource: id,
      organizationId,
      detail: { name, reason },
      at: at.now,
    });
    return viewWorkspace(tx, next);
  });
}

/**
 * Releases a lock, so that the next run can have the workspace. Somebody else's, or one that a lost run left, needs
 * force.
 */
export async function unlockWorkspace(
  control: Control,
  who: Principal,
  { reference, isForced }: { readonly reference: Reference; readonly isForced: boolean },
): Promise<WorkspaceView> {
  const person = asPerson(who);
  return changeAbout(control, aboutWorkspace(person, reference), async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    await demandReleasable(tx, person, { workspace, isForced });
    const next: Workspace = { ...workspace, lock: null, updatedAt: at.now, version: workspace.version + 1 };
    await tx.workspaces.save(next);
    const detail = { name: workspace.name, held_by: holderOf(workspace.lock), forced: String(isForced) };
    const { id, organizationId } = workspace;
    await record(tx, person, { action: "workspace.unlock", resource: id, organizationId, detail, at: at.now });
    await promoteNext(tx, at, id);
    return viewWorkspace(tx, (await tx.workspaces.get(id)) ?? next);
  });
}

interface Release {
  readonly workspace: Workspace;
  readonly isForced: boolean;
}

async function demandReleasable(tx: Queries, person: Person, { workspace, isForced }: Release): Promise<void> {
  const { name, lock } = workspace;
  if (lock === null) {
    throw new WindlassError("not_locked", `workspace "${name}" is not locked`, { metadata: { workspace: name } });
  }
  if (lock.kind === "run") return demandRunEnded(tx, { workspace, lock, isForced });
  if (lock.by === actorOf(person)) return;
  if (!isForced) {
    throw lockedError(
      workspace,
      `Ask its holder, or release it with force (owners): windlass workspace unlock ${name} --force`,
    );
  }
  demand(person, "own");
}

async function demandRunEnded(
  tx: Queries,
  { workspace, lock, isForced }: Release & { readonly lock: Extract<WorkspaceLock, { kind: "run" }> },
): Promise<void> {
  const run = await tx.runs.get(lock.runId);
  if (run === undefined) {
    if (isForced) return;
    throw lockedError(workspace, `The run is gone: windlass workspace unlock ${workspace.name} --force`);
  }
  if (isFinal(run.status) && isForced) return;
  throw lockedError(workspace, runAdvice(run), run);
}
