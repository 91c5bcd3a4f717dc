import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { openScene } from "../support/scene.ts";
import { ClockHand } from "./clock-hand.ts";
import { type ClusterOptions, openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "./fake-runs.ts";

const hourMs = 3_600_000;
/** Longer than from one sweep of the control plane to the next. */
const longEnoughMs = 5_500;
const timeout = 600_000;

async function openTimed(whose: "serverEnvironment" | "agentEnvironment") {
  await using held = new AsyncDisposableStack();
  const scene = held.use(await openScene());
  const clock = await ClockHand.at(join(scene.directory, "clock"));
  const options: ClusterOptions = { agents: 1, concurrency: 3, [whose]: clock.environment };
  const cluster = held.use(await openCluster(scene, options));
  const run = await startFakeRun(cluster, fakePlan({ applyLines: 10_000, every: 20, mode: "release" }));
  await untilApplying(cluster, run, 2);
  const owned = held.move();
  return { clock, cluster, run, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Timed = Awaited<ReturnType<typeof openTimed>>;

async function expectApplied({ cluster, run }: Timed): Promise<void> {
  await cluster.engine.release();
  await expectPromisesKept(cluster, [run]);
  expect(await cluster.api.run(run.id)).toMatchObject({ state: RunState.APPLIED, apply: { epoch: 1n } });
}

test.concurrent("the control plane's clock jumps an hour forward while no heartbeat comes, then two back: no lease ends", {
  timeout,
}, async () => {
  await using timed = await openTimed("serverEnvironment");
  const { clock, cluster } = timed;
  const [agent] = cluster.agents;
  agent?.proxy.shape("up", { kind: "stall" });
  await clock.set(hourMs);
  await pause(longEnoughMs);
  agent?.proxy.heal();
  await clock.set(-hourMs);
  await pause(longEnoughMs);
  await expectApplied(timed);
});

test.concurrent("the agent's clock jumps an hour forward, then two back: its apply goes on, and its states arrive", {
  timeout,
}, async () => {
  await using timed = await openTimed("agentEnvironment");
  const { clock, cluster, run } = timed;
  for (const aheadMs of [hourMs, -hourMs]) {
    await clock.set(aheadMs);
    const known = (await cluster.engine.serials(run.id)).length;
    await untilApplying(cluster, run, known + 2);
  }
  await expectApplied(timed);
});
