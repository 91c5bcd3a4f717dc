import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "../support/api.ts";
import { openScene } from "../support/scene.ts";
import { openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, findingsAtRest, startFakeRun, untilApplying } from "./fake-runs.ts";
import { canMount, mountSmallDisk } from "./small-disk.ts";

const fullMs = 4_000;

describe.skipIf(!canMount).concurrent("a full disk", { timeout: 600_000 }, () => {
  test("of the control plane: nothing is acknowledged that is not stored, and it recovers alone", async () => {
    await using scene = await openScene();
    await using disk = await mountSmallDisk(join(scene.directory, freshName("disk")), 48);
    await using cluster = await openCluster(scene, {
      agents: 1,
      concurrency: 4,
      serverDataDir: join(disk.path, "server"),
    });
    const runs = [];
    for (let count = 0; count < 3; count++) runs.push(await startFakeRun(cluster, fakePlan({ applyLines: 160 })));
    for (const run of runs) await untilApplying(cluster, run, 2);
    await disk.fill();
    await pause(fullMs);
    await disk.drain();
    await expectPromisesKept(cluster, runs);
    expect(cluster.server.starts).toBe(1);
  });

  test("of an agent: its applies go on; their states arrive, and all that terraform could still print", async () => {
    await using scene = await openScene();
    await using disk = await mountSmallDisk(join(scene.directory, freshName("disk")), 48);
    await using cluster = await openCluster(scene, { agents: 1, concurrency: 4, agentsDir: disk.path });
    const runs = [];
    // Terraform keeps its state on the same disk: it must not end meanwhile, for its last state could be written nowhere.
    const patient = { applyLines: 10_000, every: 40, mode: "release" } as const;
    for (let count = 0; count < 3; count++) runs.push(await startFakeRun(cluster, fakePlan(patient)));
    for (const run of runs) await untilApplying(cluster, run, 1);
    await disk.fill();
    await pause(fullMs);
    await disk.drain();
    for (const run of runs) await untilApplying(cluster, run, (await cluster.engine.serials(run.id)).length + 2);
    await cluster.engine.release();
    const { violations } = await findingsAtRest(cluster, runs);
    // What terraform itself could not write to its output file is nowhere; all other promises hold.
    expect(violations.filter((violation) => !violation.includes("is not what was printed"))).toEqual([]);
    expect(cluster.agents[0]?.member.starts).toBe(1);
    for (const { id } of runs) {
      expect(await cluster.api.run(id)).toMatchObject({ state: RunState.APPLIED, apply: { logComplete: true } });
      const { text } = await cluster.api.log(id, RunPhase.APPLY);
      const numbers = [...text.matchAll(/apply line (\d+) /g)].map((match) => Number(match[1]));
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      const [ending] = await cluster.engine.endings(id, "apply");
      expect(numbers).toEqual(expect.arrayContaining([1, 2, 3]));
      expect(numbers.at(-1)).toBe(ending?.lines);
    }
  });
});
