import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { openScene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "./fake-runs.ts";
import { persistently } from "./persist.ts";

test("a copy of a living agent is refused; the job of the first goes on, and is executed once", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 1 });
  const [first] = cluster.agents;
  if (first === undefined) throw new Error("there is no agent");
  const run = await startFakeRun(cluster, fakePlan({ applyLines: 120 }));
  await untilApplying(cluster, run, 2);
  const dataDir = join(scene.directory, "copy");
  await cp(first.dataDir, dataDir, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  // What a copy of a machine's image has beside the identity is no job: those are bound to processes of the first machine.
  await rm(join(dataDir, "jobs"), { recursive: true });
  const args = [
    ...["--address", cluster.url, "--token-file", join(scene.directory, `${first.member.name}.token`)],
    ...["--name", first.member.name, "--data-dir", dataDir, "--engine-path", cluster.engine.path],
    ...["--log-format", "json"],
  ];
  const copy = scene.start("windlass-agent", args);
  await copy.says(/cannot connect: trying again/);
  expect(copy.stderr()).toContain("already connected");
  expect(copy.stderr()).not.toContain("registered successfully");
  expect(copy.isRunning).toBe(true);
  await expectPromisesKept(cluster, [run]);
  expect(first.member.starts).toBe(1);
  const { agents } = await cluster.api.clients.agents.listAgents({});
  expect(agents).toHaveLength(1);
  expect(agents[0]?.warning).not.toBe("");

  // It is refused only as long as the other one lives: nobody gives up for good.
  await first.member.close("SIGKILL");
  await copy.says(/registered successfully/, 90_000);
  await copy.stop();
  await until(
    "only one agent is known",
    async () => (await cluster.api.clients.agents.listAgents({})).agents.length <= 1,
  );
}, 600_000);

test("a copy with all that lies there speaks for no job, and goes when the first one comes back", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 1 });
  const [first] = cluster.agents;
  if (first === undefined) throw new Error("there is no agent");
  const run = await startFakeRun(cluster, fakePlan({ applyLines: 300 }));
  await untilApplying(cluster, run, 2);
  const dataDir = join(scene.directory, "copy");
  await cp(first.dataDir, dataDir, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  // The server is away, and the first agent is slow to come back: the copy is let in before it.
  cluster.server.end("SIGKILL", { downMs: 3_000 });
  first.member.freeze();
  const copy = scene.start("windlass-agent", [
    ...["--address", cluster.url, "--token-file", join(scene.directory, `${first.member.name}.token`)],
    ...["--name", first.member.name, "--data-dir", dataDir, "--engine-path", cluster.engine.path],
    ...["--work-dir", join(scene.directory, "copied-work"), "--log-format", "json"],
  ]);
  await copy.says(/registered successfully/, 90_000);
  expect(copy.stdout() + copy.stderr()).not.toContain("job of an earlier start taken up");
  expect((await persistently(() => cluster.api.run(run.id))).state).toBe(RunState.APPLYING);
  first.member.thaw();
  await expectPromisesKept(cluster, [run]);
  expect((await persistently(() => cluster.api.run(run.id))).state).toBe(RunState.APPLIED);
  expect(first.member.starts).toBe(1);
  await copy.stop();
}, 600_000);
