import type { Principal } from "../../domain/people/principal.ts";
import { newestOf } from "../../domain/runs/job.ts";
import { isFinal, type Run, statusText } from "../../domain/runs/run.ts";
import { errorText } from "../../domain/runs/run-error.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { type Adoption, adopt, prepareAdoption } from "../states/quarantine.ts";
import { releaseWorkspace, saveRunFacts } from "./advance.ts";
import { type RunView, viewRun } from "./view.ts";

export type Resolution = "wait" | "accept_snapshot" | "unlock";

export interface ResolutionRequest {
  readonly id: string;
  readonly resolution: Resolution;
  readonly comment: string;
}

/**
 * What a person decides about a run whose agent was lost in an apply. Only this, or the agent's return, frees the
 * workspace.
 */
export async function resolveRun(
  control: Control,
  who: Principal,
  { id, resolution, comment }: ResolutionRequest,
): Promise<RunView> {
  const person = asPerson(who);
  demand(person, "operate");
  const adoption =
    resolution === "accept_snapshot"
      ? await adoptionFor(control, await control.store.read((q) => findRun(q, person, id)))
      : undefined;
  const run = await changeAbout(control, id, async (tx, at) => {
    const found = await findRun(tx, person, id);
    await demandResolvable(tx, found);
    await record(tx, person, {
      action: `run.resolve.${resolution}`,
      resource: found.id,
      organizationId: found.organizationId,
      detail: comment === "" ? {} : { comment },
      at: at.now,
    });
    const by = actorOf(person);
    if (resolution === "wait") {
      return saveRunFacts(tx, at, { run: found, told: { actor: by, title: "goes on waiting for the agent", comment } });
    }
    return settle(tx, at, { run: found, adoption, by, comment });
  });
  return control.store.read((q) => viewRun(control, q, run));
}

async function demandResolvable(tx: Queries, run: Run): Promise<void> {
  const workspace = await tx.workspaces.get(run.workspaceId);
  if (isFinal(run.status) && workspace?.lock?.kind === "run" && workspace.lock.runId === run.id) return;
  throw new WindlassError(
    "run_not_resolvable",
    `run ${run.id} is ${statusText(run.status)} and holds no workspace after a lost apply: there is nothing to resolve`,
    {
      metadata: { run_id: run.id, state: run.status },
    },
  );
}

/** The newest state of the run's apply, if it is still aside. */
async function adoptionFor(control: Control, run: Run): Promise<Adoption | undefined> {
  const newest = await control.store.read(async (q) => {
    const apply = newestOf(await q.jobs.ofRun(run.id), "apply");
    return apply === undefined ? undefined : q.states.newestOfJob(apply.id);
  });
  return newest?.status === "quarantined" ? prepareAdoption(control, newest, true) : undefined;
}

interface Settlement {
  readonly run: Run;
  readonly adoption: Adoption | undefined;
  readonly by: string;
  readonly comment: string;
}

async function settle(tx: Queries, at: Change, { run, adoption, by, comment }: Settlement): Promise<Run> {
  const workspace = await tx.workspaces.get(run.workspaceId);
  const state =
    workspace !== undefined && adoption !== undefined ? await adopt(tx, at, { workspace, adoption }) : undefined;
  const how =
    state === undefined
      ? "unlocked the workspace with the state it has"
      : `accepted the state with serial ${state.serial}`;
  const told: Run = {
    ...run,
    decidedBy: by,
    decidedAt: at.now,
    errorMessage: errorText(run, { kind: "resolved", by, how }),
  };
  await saveRunFacts(tx, at, { run: told, told: { actor: by, title: how, comment } });
  await releaseWorkspace(tx, at, told);
  return (await tx.runs.get(run.id)) ?? told;
}
