import { beforeAll, describe, expect, test } from "vitest";
import { JobStatus, RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { refusalOf } from "./support/api.ts";
import { processesIn, workLinksTo } from "./support/leftovers.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

describe("canceling", () => {
  const stage = useStage();

  describe("with an agent", () => {
    let pool = "";
    let jobs = "";
    beforeAll(async () => {
      pool = await stage.server.api.pool();
      jobs = (await stage.scene.agent(stage.server, { pool })).dataDir;
    });

    test("an apply gets exactly one interrupt, keeps its state, frees the workspace and leaves nothing behind", async () => {
      const { api } = stage.server;
      const workspace = await api.workspace({ agentPool: pool });
      await api.upload(workspace, await stage.scene.configuration("slow"));
      const options = { autoApply: true, variables: [{ key: "seconds", value: "300", hcl: true }] };
      const id = await api.start(workspace, options);
      await until(
        "terraform prints",
        async () => (await api.log(id, RunPhase.APPLY, false)).text.includes("second 2 of"),
        {
          deadlineMs: 40_000,
        },
      );
      expect(processesIn(jobs).length).toBeGreaterThan(0);

      await api.clients.runs.cancelRun({ runId: id });
      await api.clients.runs.cancelRun({ runId: id });
      expect(await refusalOf(api.clients.runs.cancelRun({ runId: id, force: true }))).toMatchObject({
        reason: "FORCE_TOO_EARLY",
      });
      const run = await api.ended(id);
      expect(run).toMatchObject({ state: RunState.CANCELED, apply: { status: JobStatus.CANCELED, logComplete: true } });
      const { text } = await api.log(id, RunPhase.APPLY);
      expect(text.match(/Interrupt received/g)).toHaveLength(1);
      expect(text).not.toContain("Two interrupts received");
      const [sleeper] = (await api.state(workspace)).resources;
      expect(sleeper?.instances).toHaveLength(2);
      expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
      await until("nothing is left", () => processesIn(`${jobs}/jobs`).length === 0 && workLinksTo(jobs).length === 0);

      expect(await refusalOf(api.clients.runs.cancelRun({ runId: id }))).toMatchObject({
        reason: "RUN_NOT_CANCELABLE",
      });
      const next = await api.planned(workspace, { variables: [{ key: "seconds", value: "1", hcl: true }] });
      expect(next).toMatchObject({ state: RunState.PLANNED, plannedChanges: { add: 2, destroy: 2 } });
      await api.clients.runs.cancelRun({ runId: next.id });
      expect((await api.run(next.id)).state).toBe(RunState.CANCELED);
    });
  });

  test("a run that waits ends at once, and those behind it move up", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: await api.pool() });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const [first, second, third] = [await api.start(workspace), await api.start(workspace), await api.start(workspace)];
    expect((await api.run(first)).state).toBe(RunState.PLAN_QUEUED);
    expect((await api.run(third)).waiting).toMatchObject({ queuePosition: 2 });
    await api.clients.runs.cancelRun({ runId: second, comment: "not needed" });
    expect((await api.run(second)).state).toBe(RunState.CANCELED);
    expect((await api.run(third)).waiting).toMatchObject({ queuePosition: 1, blockingRunId: first });
    await api.clients.runs.cancelRun({ runId: first });
    expect((await api.run(first)).state).toBe(RunState.CANCELED);
    expect((await api.run(third)).state).toBe(RunState.PLAN_QUEUED);
    expect((await api.getWorkspace(workspace)).lock).toMatchObject({ runId: third });
  });
});
