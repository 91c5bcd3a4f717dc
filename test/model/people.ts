import { cancelRun, confirmRun, discardRun } from "../../src/control/runs/decisions.ts";
import { type Resolution, resolveRun } from "../../src/control/runs/resolution.ts";
import { createRun } from "../../src/control/runs/runs.ts";
import { isFinal, type Run, type RunOptions } from "../../src/domain/runs/run.ts";
import { ref } from "../support/wanted.ts";
import { workspaceName } from "./control-plane.ts";
import type { World } from "./world.ts";

const maxRuns = 3;

export async function newRun(
  { server, storage, runIds }: World,
  asked: Pick<RunOptions, "isSavedPlan" | "isAutoApply"> = { isAutoApply: true },
): Promise<void> {
  if (server === undefined || runIds.length >= maxRuns) return;
  const wanted = { workspace: ref(workspaceName), configurationId: "", message: "", requestId: "" };
  try {
    await createRun(server.control, storage.owner, { ...wanted, options: { ...plainRun, ...asked } });
  } finally {
    // Some are created without an answer.
    const active = await server.rows.read((q) => q.runs.active(storage.workspaceId, maxRuns));
    for (const { id } of active) if (!runIds.includes(id)) runIds.push(id);
  }
}

export async function cancel(world: World, index: number, isForced: boolean): Promise<void> {
  const runs = await world.runs();
  const run = runs[index % Math.max(1, runs.length)];
  if (world.server !== undefined && run !== undefined)
    await cancelRun(world.server.control, world.storage.owner, { id: run.id, isForced, comment: "" });
}

export async function confirm(world: World, index: number): Promise<void> {
  const run = await savedPlan(world, index);
  if (world.server !== undefined && run !== undefined)
    await confirmRun(world.server.control, world.storage.owner, { id: run.id, planSha256: "", comment: "" });
}

export async function discard(world: World, index: number): Promise<void> {
  const run = await savedPlan(world, index);
  if (world.server !== undefined && run !== undefined)
    await discardRun(world.server.control, world.storage.owner, { id: run.id, comment: "" });
}

/** One of those about which somebody may decide. */
async function savedPlan(world: World, index: number): Promise<Run | undefined> {
  const saved = (await world.runs()).filter(({ status, options }) => status === "planned" && options.isSavedPlan);
  return saved[index % Math.max(1, saved.length)];
}

/** A person decides about a run that has ended and still holds the workspace. */
export async function resolve(world: World, resolution: Resolution): Promise<void> {
  const lock = (await world.workspace())?.lock;
  if (world.server === undefined || lock?.kind !== "run") return;
  const run = (await world.runs()).find(({ id }) => id === lock.runId);
  if (run === undefined || !isFinal(run.status)) return;
  // Also if the server dies: nobody knows then whether it was done.
  world.letGo.add(run.id);
  await resolveRun(world.server.control, world.storage.owner, { id: run.id, resolution, comment: "" });
}

const plainRun = {
  isPlanOnly: false,
  isDestroy: false,
  skipsRefresh: false,
  isRefreshOnly: false,
  targets: [],
  replacements: [],
  variables: [],
  engineVersion: "",
  allowsEmptyApply: true,
  parallelism: 0,
};
