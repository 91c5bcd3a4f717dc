import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Run, RunState, WaitingReason } from "../../src/gen/windlass/v1/run_pb.ts";
import { RunResolution } from "../../src/gen/windlass/v1/run_service_pb.ts";
import { openScene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { jobDirectories } from "./checks.ts";
import { openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "./fake-runs.ts";

test.concurrent("an agent suspended for longer than the grace of its apply: the workspace waits for it, and it delivers", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const { api, agents, engine } = cluster;
  const [agent] = agents;
  if (agent === undefined) throw new Error("there is no agent");
  const first = await startFakeRun(cluster, fakePlan({ applyLines: 100 }));
  await untilApplying(cluster, first, 2);
  agent.member.freeze();
  const lost = await api.runWhen(first.id, "is interrupted", ({ state }) => state === RunState.ERRORED, {
    deadlineMs: 40_000,
  });
  expect(lost.errorMessage).toContain("was lost during the apply");

  // Terraform itself may still be alive: nothing else may touch the workspace.
  const second = await api.start(first.workspace, { autoApply: true });
  const waiting = await api.run(second);
  expect(waiting).toMatchObject({ state: RunState.PENDING, waiting: { reason: WaitingReason.EARLIER_RUN } });
  await until("terraform has ended meanwhile", async () => (await engine.endings(first.id, "apply")).length === 1);
  expect((await api.run(second)).state).toBe(RunState.PENDING);

  agent.member.thaw();
  const recovered = await api.runWhen(
    first.id,
    "is recovered",
    ({ errorMessage }) => errorMessage.includes("Recovered"),
    {
      deadlineMs: 60_000,
    },
  );
  expect(recovered).toMatchObject({ state: RunState.ERRORED, apply: { logComplete: true } });
  expect(await api.ended(second)).toMatchObject({ state: RunState.APPLIED });
  expect((await engine.executions(first.id, "apply")).length).toBe(1);
  expect((await api.state(first.workspace)).serial).toBe(Math.max(...(await engine.serials(second))));
}, 600_000);

test.concurrent("what an apply brings after a person has decided without it is put aside whole, and what was applied since stays", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 2, concurrency: 2 });
  const { api, agents, engine } = cluster;
  const first = await startFakeRun(cluster, fakePlan({ applyLines: 100 }));
  await untilApplying(cluster, first, 2);
  const { apply } = await api.run(first.id);
  const holder = agents.find(({ member }) => member.name === apply?.agentName);
  if (holder === undefined) throw new Error("nobody applies it");
  holder.member.freeze();
  await api.runWhen(first.id, "is interrupted", ({ state }) => state === RunState.ERRORED, { deadlineMs: 40_000 });
  await until("terraform has ended meanwhile", async () => (await engine.endings(first.id, "apply")).length === 1);
  await api.clients.runs.resolveRun({ runId: first.id, resolution: RunResolution.UNLOCK });
  const second = await api.start(first.workspace, { autoApply: true });
  expect(await api.ended(second)).toMatchObject({ state: RunState.APPLIED });
  const since = await api.stateVersions(first.workspace);

  holder.member.thaw();
  const isTold = ({ errorMessage }: Run) => /Resolved: .*Recovered: .*is quarantined/.test(errorMessage);
  await api.runWhen(first.id, "says what came late", isTold, { deadlineMs: 60_000 });
  expect(await api.stateVersions(first.workspace)).toEqual(since);
  const aside = await api.clients.states.listStateVersions({ workspace: first.workspace, quarantined: true });
  const last = (await engine.states(first.id)).at(-1);
  const late = aside.stateVersions.find(({ sha256 }) => sha256 === last?.sha256);
  expect(late?.quarantineReason).toBe("its run no longer holds the workspace");
  const hasNothing = async () => (await jobDirectories(holder.dataDir)).length === 0;
  await until("the agent has delivered everything", hasNothing, { deadlineMs: 30_000 });
}, 600_000);

test.concurrent("a control plane that stands still for longer than every lease judges nobody for that", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const run = await startFakeRun(cluster, fakePlan({ applyLines: 10_000, every: 20, mode: "release" }));
  await untilApplying(cluster, run, 2);
  cluster.server.freeze();
  await pause(15_000);
  cluster.server.thaw();
  await pause(5_000);
  await cluster.engine.release();
  await expectPromisesKept(cluster, [run]);
  expect(await cluster.api.run(run.id)).toMatchObject({ state: RunState.APPLIED, apply: { epoch: 1n } });
}, 600_000);
