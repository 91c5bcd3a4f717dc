import { expect, test } from "vitest";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { failpointNames } from "../../src/lib/program/failpoint.ts";
import { isFinal } from "../support/api.ts";
import { openScene } from "../support/scene.ts";
import { openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun } from "./fake-runs.ts";
import type { FaultRun } from "./fault-run.ts";

const agentFailpoints = failpointNames.filter((name) => name.startsWith("agent."));

test("an agent that ends at each of its failpoints, one after the other, goes on where it was", {
  timeout: 600_000,
}, async () => {
  await using scene = await openScene();
  // Leases that outlive many restarts: none is judged here.
  const serverArgs = ["--heartbeat-interval", "500ms", "--agent-unknown-after", "3s", "--agent-errored-after", "10s"];
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2, serverArgs });
  const [agent] = cluster.agents;
  if (agent === undefined) throw new Error("there is no agent");
  const { member } = agent;
  member.end("SIGKILL", ...agentFailpoints.map((name) => ({ downMs: 0, failpoint: { name, pass: 1 } })));
  const runs: FaultRun[] = [];
  // Those of an apply come before the last ones of a plan: two runs are needed to pass them all.
  for (const _run of ["first", "second"]) {
    const run = await startFakeRun(cluster, fakePlan({ planLines: 3, applyLines: 40, pace: 0.02 }));
    await cluster.api.runWhen(run.id, "has ended", isFinal, { deadlineMs: 240_000 });
    runs.push(run);
  }
  await expectPromisesKept(cluster, runs, 240_000);
  for (const { id } of runs) expect(await cluster.api.run(id)).toMatchObject({ state: RunState.APPLIED });
  expect(member.died).toEqual(agentFailpoints);
});
