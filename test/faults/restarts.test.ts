import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { readEnvironment } from "../../src/lib/environment.ts";
import { openScene } from "../support/scene.ts";
import { Seeded } from "../support/seeded.ts";
import { until } from "../support/until.ts";
import { openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "./fake-runs.ts";

/** 50 for the long form: `npm run test:faults -- --only restarts --restarts 50`. */
const restarts = Number(readEnvironment().WINDLASS_FAULTS_RESTARTS ?? "4");
/** How long the control plane is up in between, at most. */
const upMs = restarts > 20 ? 10_000 : 1500;

test(`${restarts} restarts of the control plane during one job lose nothing`, { timeout: 1_500_000 }, async () => {
  const random = new Seeded(restarts);
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const plan = fakePlan({ applyLines: 200_000, every: 50, mode: "release" });
  const run = await startFakeRun(cluster, plan);
  await untilApplying(cluster, run);
  const startedMs = performance.now();
  for (let count = 1; count <= restarts; count++) {
    cluster.server.end(count % 2 === 0 ? "SIGTERM" : "SIGKILL", { downMs: random.between(0, 500) });
    await until("it is started again", () => cluster.server.starts === count + 1);
    await cluster.server.ready();
    await pause(random.between(0, upMs));
  }
  await cluster.engine.release();
  const { logBytes } = await expectPromisesKept(cluster, [run]);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  console.log(JSON.stringify({ restarts, seconds, logBytes, serials: (await cluster.engine.serials(run.id)).length }));
  expect((await cluster.api.run(run.id)).state).toBe(RunState.APPLIED);
  expect(cluster.agents[0]?.member.starts).toBe(1);
  expect(cluster.server.starts).toBe(restarts + 1);
});
