import type { Person, Principal } from "../../domain/people/principal.ts";
import { phaseOf, type Run, type RunEvent, statusText } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { heldError } from "../core/refusals.ts";
import { advanceRun } from "./advance.ts";
import { type RunView, viewRun } from "./view.ts";

/**
 * Lets a pending run have its workspace now. Those that wait before it are canceled, and the one that has the workspace is
 * discarded, or canceled while no agent works on it.
 */
export async function forceExecuteRun(
  control: Control,
  who: Principal,
  { id, comment }: { readonly id: string; readonly comment: string },
): Promise<RunView> {
  const person = asPerson(who);
  const run = await changeAbout(control, id, async (tx, at) => {
    const found = await findRun(tx, person, id);
    demand(person, "own");
    if (found.status !== "pending") throw notPending(found);
    const holder = await findHolder(tx, found);
    for (const one of await waitingBefore(tx, found)) await endRun(tx, at, { run: one, person, for: found });
    await endRun(tx, at, { run: holder, person, for: found });
    const { id: resource, organizationId } = found;
    const detail = { ended: holder.id, ...(comment === "" ? {} : { comment }) };
    await record(tx, person, { at: at.now, action: "run.force_execute", resource, organizationId, detail });
    return (await tx.runs.get(found.id)) ?? found;
  });
  return control.store.read((q) => viewRun(control, q, run));
}

const notPending = ({ id, status }: Run): WindlassError =>
  new WindlassError(
    "run_not_queued",
    `run ${id} is ${statusText(status)}: only a run that waits for its workspace can be put before the others`,
    { metadata: { run_id: id, state: status } },
  );

/** The run that has the workspace, and that may be ended at once. */
async function findHolder(tx: Queries, { id, workspaceId }: Run): Promise<Run> {
  const workspace = await tx.workspaces.get(workspaceId);
  if (workspace === undefined) throw new WindlassError("internal", `the workspace of ${id} is gone`);
  const holder = workspace.lock?.kind === "run" ? await tx.runs.get(workspace.lock.runId) : undefined;
  if (holder !== undefined && (await mayEnd(tx, holder))) return holder;
  throw await heldError(tx, workspace, "Wait for its release, or unlock it first");
}

/** A plan that waits for a person, or a job that no agent has begun: nothing is broken off. */
async function mayEnd(tx: Queries, { id, status }: Run): Promise<boolean> {
  if (status === "planned") return true;
  if (status !== "plan_queued" && status !== "apply_queued") return false;
  const phase = phaseOf(status);
  return (await tx.jobs.ofRun(id)).every((job) => job.phase !== phase || job.status !== "started");
}

/** More than any workspace has in its queue: they are read as one page. */
const maxWaiting = 10_000;

async function waitingBefore(tx: Queries, { id, workspaceId }: Run): Promise<readonly Run[]> {
  const waiting = await tx.runs.pending(workspaceId, maxWaiting);
  return waiting.slice(
    0,
    Math.max(
      0,
      waiting.findIndex((run) => run.id === id),
    ),
  );
}

interface End {
  readonly run: Run;
  readonly person: Person;
  readonly for: Run;
}

async function endRun(tx: Queries, at: Change, { run, person, for: { id } }: End): Promise<void> {
  const [by, comment] = [actorOf(person), `makes room for run ${id}`];
  const event: RunEvent =
    run.status === "planned"
      ? { kind: "discarded", by, comment }
      : { kind: "cancel_requested", mode: "cancel", by, comment };
  const advanced = await advanceRun(tx, at, { run, event });
  if (advanced.kind === "refused") throw new WindlassError("internal", advanced.why);
}
