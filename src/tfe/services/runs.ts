import { topics } from "../../control/core/control.ts";
import { createRun } from "../../control/runs/runs.ts";
import { getToldRun, type ToldRun } from "../../control/runs/told-runs.ts";
import { isFinal, type RunStatus } from "../../domain/runs/run.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { created, found, type Resource, type TfeAnswer } from "../core/answers.ts";
import { readResource } from "../core/body.ts";
import { idParam, route, type TfeCall } from "../core/call.ts";
import { seenApply } from "../core/holds.ts";
import { type HoldWish, holdWishOf, untilNews } from "../core/waiting.ts";
import { toRunResource } from "../mapping/run.ts";
import { fromNewRun, newRunAttributes, newRunRelationships } from "../mapping/run-request.ts";
import { includedOf, type RunInclude, runIncludes } from "./run-includes.ts";

const shape = { types: ["runs"], attributes: newRunAttributes, relationships: newRunRelationships };

async function create(call: TfeCall): Promise<TfeAnswer> {
  const { control, who } = call;
  const asked = await readResource(call, shape);
  const view = await createRun(control, who, fromNewRun(asked, call.isTerraform ? "terraform" : "tfe-api"));
  const told = await getToldRun(control, who, view.run.id);
  note(call, told);
  return created(toRunResource(told, who, control.clock.now()));
}

async function read(call: TfeCall): Promise<TfeAnswer> {
  const { control, who } = call;
  const includes = runIncludes(call);
  const told = await heldRun(call, idParam(call, "run", "run"), includes);
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
  return isFresh && holds.seenApplies.since(who.id, run.id, seenApply) === undefined;
}

const withStatus = (resource: Resource, status: string): Resource => ({
  ...resource,
  attributes: { ...resource.attributes, status },
});

/** Until when a run's state counts as new, and how long a first wait for it is then: the terraform program says what it waits for only
 * when it has its answer. */
const newMs = 3_000;
const firstHoldMs = 1_500;
/** The floor under the wake-ups. */
const pollMs = 2_000;

/** The run, at once unless its caller knows its state and may be let wait for the next one. */
async function heldRun(call: TfeCall, id: RunId, includes: ReadonlySet<RunInclude>): Promise<ToldRun> {
  const { control, who, holds } = call;
  const wish = holdWishOf(call);
  const beganMs = control.clock.monotonicMs();
  using place = wish === undefined ? undefined : holds.enter(who.id);
  let knownState: string | undefined;
  for (;;) {
    const seen = control.wake.version(topics.run(id));
    const told = await getToldRun(control, who, id);
    const { run } = told.view;
    const sinceMs = holds.given.since(who.id, id, stateOf(told));
    const mayWait = place !== undefined && wish !== undefined && isWorthWaiting(wish, run.status, includes);
    if (!mayWait || sinceMs === undefined || (knownState !== undefined && knownState !== stateOf(told)))
      return note(call, told);
    knownState = stateOf(told);
    const mostMs = wish.kind === "asked" ? wish.ms : beganMs - sinceMs < newMs ? firstHoldMs : place.forMs;
    const leftMs = beganMs + Math.min(mostMs, place.forMs) - control.clock.monotonicMs();
    if (leftMs <= 0 || call.signal.aborted) return note(call, told);
    await untilNews(call, { topics: [topics.run(id)], seen, timeoutMs: Math.min(leftMs, pollMs) });
  }
}

/** The terraform program asks again and again only for a run that is pending, without anything beside it. */
const isWorthWaiting = (wish: HoldWish, status: RunStatus, includes: ReadonlySet<RunInclude>): boolean =>
  wish.kind === "terraform" ? status === "pending" && includes.size === 0 : !isFinal(status) && status !== "planned";

const stateOf = ({ view: { run } }: ToldRun): string => `${run.status}/${run.version}`;

function note({ control, who, holds }: TfeCall, told: ToldRun): ToldRun {
  holds.given.note(who.id, told.view.run.id, { state: stateOf(told), sinceMs: control.clock.monotonicMs() });
  return told;
}

export const runRoutes = [route("POST /runs", create), route("GET /runs/:run", read)];
