import { allows, type Person, type Principal } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { counted } from "../../lib/text/counted.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries, WorkspaceLosses } from "../../store/ports/store.ts";
import { asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { heldError } from "../core/refusals.ts";
import { dropGrants } from "./grants.ts";
import { demandNoRuns } from "./workspaces.ts";

export type { WorkspaceLosses } from "../../store/ports/store.ts";

export interface WorkspaceDeletion {
  readonly reference: Reference;
  /** Also with state or a lock. */
  readonly isForced: boolean;
  /** With runs under way too: they end where they stand, whatever their programs were doing. */
  readonly endsRuns?: boolean | undefined;
  /** Only answer what would be lost, with state or a lock as well. */
  readonly isTrial?: boolean | undefined;
}

/** Deletes a workspace with its variables, configurations, runs and states, and answers how much that was. */
export async function deleteWorkspace(
  control: Control,
  who: Principal,
  { reference, isForced, endsRuns = false, isTrial = false }: WorkspaceDeletion,
): Promise<WorkspaceLosses> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    if (!endsRuns) await demandNoRuns(tx, workspace, "cannot be deleted");
    const losses = await tx.workspaces.losses(workspace.id);
    if (isTrial) return losses;
    if (isForced) await demandForce(tx, person, workspace, losses);
    else await demandExpendable(tx, workspace, losses);
    await removeWorkspace(tx, at, { person, workspace });
    return losses;
  });
}

/** Removes a workspace with all that it has. Agents that work on its runs are told that their jobs are gone, and end them. */
export async function removeWorkspace(
  tx: Queries,
  at: Change,
  { person, workspace }: { readonly person: Person; readonly workspace: Workspace },
): Promise<void> {
  const { id, organizationId, name, executionMode, poolId } = workspace;
  const runs = (await tx.runs.active(id, maxRuns)).map((run) => run.id);
  for (const runId of runs) at.touched.add(topics.run(runId));
  for (const job of await tx.jobs.ofRuns(runs)) {
    at.touched.add(topics.log(job.id));
    if (job.agentId !== null) at.touched.add(topics.agent(job.agentId));
  }
  await tx.workspaces.delete(id);
  // Whoever takes the name next has to be granted anew.
  await dropGrants(tx, at, workspace);
  await tx.workspaces.moveConsumer(organizationId, name, null);
  at.touched.add(topics.jobs);
  const ended = runs.length === 0 ? {} : { ended_runs: runs.slice(0, maxNamed).join(",") };
  const detail = { name, execution_mode: executionMode, pool_id: poolId ?? "", ...ended };
  await record(tx, person, { action: "workspace.delete", resource: id, organizationId, detail, at: at.now });
}

/** No workspace has so many runs under way. */
const maxRuns = 100_000;
/** How many runs a record names. */
const maxNamed = 100;

/** Whether operators may forget resources that still exist is for the organization to say. */
async function demandForce(
  q: Queries,
  person: Person,
  { name, organizationId, currentStateId }: Workspace,
  { resources, unreadReason }: WorkspaceLosses,
): Promise<void> {
  if (currentStateId === null || (resources === 0 && unreadReason === "") || allows(person, "own")) return;
  const organization = await q.organizations.get(organizationId);
  if (organization === undefined || organization.allowsForceDelete) return;
  const message = `workspace "${name}" has state, and organization "${organization.name}" lets only its owners delete such a workspace by force: destroy its resources first`;
  throw new WindlassError("permission_denied", message, { metadata: { action: "own" } });
}

async function demandExpendable(
  q: Queries,
  workspace: Workspace,
  { resources, unreadReason }: WorkspaceLosses,
): Promise<void> {
  const { name, currentStateId } = workspace;
  if (workspace.lock !== null) throw await heldError(q, workspace, "Unlock it first, or delete it with force");
  if (currentStateId === null || (resources === 0 && unreadReason === "")) return;
  const held = unreadReason === "" ? counted(resources, "resource") : `not read: ${unreadReason}`;
  const message = `workspace "${name}" has state (${currentStateId}, ${held}): destroy its resources first, or delete it with force, and they are forgotten while they stay in the world`;
  throw new WindlassError("workspace_in_use", message, {
    metadata: { workspace: name, state_version_id: currentStateId, resources: String(resources) },
  });
}
