import { topics } from "../../control/core/control.ts";
import { createRun } from "../../control/runs/runs.ts";
import { getToldRun, type ToldRun } from "../../control/runs/told-runs.ts";
import { isFinal } from "../../domain/runs/run.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { created, found, type Resource, type TfeAnswer } from "../core/answers.ts";
import { readResource } from "../core/body.ts";
import { idParam, route, type TfeCall } from "../core/call.ts";
import { seenApply } from "../core/holds.ts";
import { holdWishOf, untilNews } from "../core/waiting.ts";
import { toRunResource } from "../mapping/run.ts";
import { fromNewRun, newRunAttributes, newRunRelationships } from "../mapping/run-request.ts";
import { includedOf, runIncludes } from "./run-includes.ts";

const shape = { types: ["runs"], attributes: newRunAttributes, relationships: newRunRelationships };

async function create(call: TfeCall): Promise<TfeAnswer> {
  const { control, who } = call;
  const asked = await readResource(call, shape);
  const view = await createRun(control, who, fromNewRun(asked, call.isTerraform ? "terraform" : "tfe-api"));
  const told = await getToldRun(control, who, view.run.id);
  return created(toRunResource(told, who, control.clock.now()));
}

async function read(call: TfeCall): Promise<TfeAnswer> {
  const { control, who } = call;
  const includes = runIncludes(call);
  const told = await heldRun(call, idParam(call, "run", "run"));
  const resource = toRunResource(told, who, control.clock.now());
  return found(isApplyUnseen(call, told) ? withStatus(resource, "applying") : resource, {
    included: await includedOf(call, [told], includes),
  });
}

/** How long the terraform program gets to look at an apply. */
const unseenMs = 30_000;

/**
 * An apply that nobody has to approve may have failed before the terraform program has shown its plan. It looks at no apply of a run
 * that is over: until it has, its run is applying.
 */
function isApplyUnseen({ control, who, holds, isTerraform }: TfeCall, { view: { run, apply } }: ToldRun): boolean {
  if (!isTerraform || !run.options.isAutoApply || !isFinal(run.status) || run.status === "applied") return false;
  if (apply?.startedAt == null || run.endedAt === null) return false;
  const isFresh = control.clock.now().getTime() - run.endedAt.getTime() < unseenMs;
  return isFresh && !holds.seenApplies.knows(who.id, run.id, seenApply);
}

const withStatus = (resource: Resource, status: string): Resource => ({
  ...resource,
  attributes: { ...resource.attributes, status },
});

/** The floor under the wake-ups. */
const pollMs = 2_000;

/**
 * How old a run may be for the terraform program to wait for its start: the program reads it after 1 s, and only a second later
 * again. Interrupted while it reads it forgets to cancel the run, so it waits no longer, and never behind another run.
 */
const youngMs = 2_000;

/** The run, at once unless its caller knows its state and may wait for the next one. */
async function heldRun(call: TfeCall, id: RunId): Promise<ToldRun> {
  const { control, who, holds } = call;
  const wish = holdWishOf(call);
  using place = wish === undefined ? undefined : holds.enter(who.id);
  const untilMs = control.clock.monotonicMs() + Math.min(place?.forMs ?? 0, wish?.kind === "asked" ? wish.ms : youngMs);
  for (;;) {
    const seen = control.wake.version(topics.run(id));
    const told = await getToldRun(control, who, id);
    const mostMs = wish?.kind === "asked" ? Infinity : msOfYouth(told, control.clock.now());
    const leftMs = Math.min(untilMs - control.clock.monotonicMs(), mostMs);
    const isKnown = holds.given.knows(who.id, id, stateOf(told));
    if (!isKnown || !isUnderWay(told) || leftMs <= 0 || call.signal.aborted) return note(call, told);
    await untilNews(call, { topics: [topics.run(id)], seen, timeoutMs: Math.min(leftMs, pollMs) });
  }
}

/** How long a run that is about to start stays young; 0 for every other. */
const msOfYouth = ({ view: { run } }: ToldRun, now: Date): number =>
  run.status === "plan_queued" ? Math.max(0, run.statusAt.getTime() + youngMs - now.getTime()) : 0;

const isUnderWay = ({ view: { run } }: ToldRun): boolean => !isFinal(run.status) && run.status !== "planned";

const stateOf = ({ view: { run } }: ToldRun): string => `${run.status}/${run.version}`;

function note({ who, holds }: TfeCall, told: ToldRun): ToldRun {
  holds.given.note(who.id, told.view.run.id, stateOf(told));
  return told;
}

export const runRoutes = [route("POST /runs", create), route("GET /runs/:run", read)];
