import { expect, test } from "vitest";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { type FailpointName, failpointNames } from "../../src/lib/failpoint.ts";
import { openScene } from "../support/scene.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan } from "./fake-runs.ts";
import { driveRun, prepareRun } from "./fault-run.ts";
import type { Member } from "./member.ts";

const agentFailpoints = failpointNames.filter((name) => name.startsWith("agent."));

/** One run for each failpoint, at whose first pass the program ends. */
async function passEach(cluster: Cluster, member: Member, names: readonly FailpointName[]): Promise<void> {
  const drawn = names.map(() => {
    const plan = fakePlan({ planLines: 3, applyLines: 20, pace: 0.02 });
    return { startMs: 0, cancelMs: undefined, subject: { kind: "fake", plan } } as const;
  });
  const workspaces: string[] = [];
  for (const run of drawn) workspaces.push(await prepareRun(cluster, run));
  for (const [index, run] of drawn.entries()) {
    const name = names[index] ?? "server.before-commit";
    member.end("SIGKILL", { downMs: 0, failpoint: { name, pass: 1 } });
    const started = await driveRun(cluster, workspaces[index] ?? "", run);
    await expectPromisesKept(cluster, [started]);
    expect(member.died).toEqual(names.slice(0, index + 1));
    expect(await cluster.api.run(started.id), name).toMatchObject({ state: RunState.APPLIED });
  }
}

test("an agent that ends at any of its failpoints goes on where it was", { timeout: 180_000 }, async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const [agent] = cluster.agents;
  if (agent === undefined) throw new Error("there is no agent");
  await passEach(cluster, agent.member, agentFailpoints);
});
