import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { testEngines } from "./engines.ts";
import { type CountingEngine, countingEngine } from "./support/engine.ts";
import { slowLines } from "./support/slow-lines.ts";
import { slowState } from "./support/slow-state.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const seconds = 5;

describe.each(testEngines.map(({ name }) => name))("a control plane that is started again (%s)", (database) => {
  const stage = useStage({ engine: database });
  let pool = "";
  let engine: CountingEngine;

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    engine = await countingEngine(stage.scene.directory);
    await stage.scene.agent(stage.server, { pool, concurrency: 2, args: engine.args });
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "after %s while a plan and an apply run: nothing is lost",
    async (signal) => {
      const { api } = stage.server;
      await using state = await slowState();
      const before = {
        plan: (await engine.executions("plan")).length,
        apply: (await engine.executions("apply")).length,
      };

      const applying = await api.workspace({ agentPool: pool });
      const directory = await stage.scene.configuration("slow");
      const args = ["run", "start", applying, "--dir", directory, "--auto-apply", "--var", `seconds=${seconds}`];
      const following = stage.scene.startCli(stage.server, args);
      const planning = await api.workspace({ agentPool: pool });
      await api.upload(planning, await stage.scene.configuration("remote-plan"));
      await following.says(/second 1 of/, 60_000);
      const [slow] = (await api.clients.runs.listRuns({ workspace: applying })).runs;
      const applyId = slow?.id ?? "";
      const planId = await api.start(planning, { variables: [{ key: "address", value: state.address }] });
      await until("the plan waits for its state", () => state.waiting > 0);
      expect((await api.run(planId)).state).toBe(RunState.PLANNING);
      expect((await api.run(applyId)).state).toBe(RunState.APPLYING);

      await stage.server.stop(signal);
      await stage.server.start();
      state.release();

      const planned = await api.runIn(planId, RunState.PLANNED);
      expect(planned.plan).toMatchObject({ epoch: 1n, logComplete: true });
      expect((await api.log(planId, RunPhase.PLAN)).text).toContain("Plan: 1 to add, 0 to change, 0 to destroy.");
      const applied = await api.ended(applyId);
      expect(applied).toMatchObject({
        state: RunState.APPLIED,
        errorMessage: "",
        apply: { epoch: 1n, logComplete: true },
      });
      const { text, bytes, missingBytes } = await api.log(applyId, RunPhase.APPLY);
      expect({ missingBytes, length: BigInt(bytes.length) }).toEqual({
        missingBytes: 0,
        length: applied.apply?.logBytes,
      });
      const all = Array.from({ length: seconds }, (_, index) => index + 1);
      for (const sleeper of [0, 1]) expect(slowLines(text, sleeper)).toEqual(all);
      expect(text.match(/Apply complete!/g)).toHaveLength(1);

      expect(await following.ended, following.stderr()).toMatchObject({ code: 0 });
      for (const sleeper of [0, 1]) expect(slowLines(following.stdout(), sleeper)).toEqual(all);
      await api.confirm(planId);
      expect(await api.ended(planId)).toMatchObject({ state: RunState.APPLIED });
      expect(await api.outputs(planning)).toEqual({ copy: "from elsewhere" });
      expect((await engine.executions("plan")).length - before.plan).toBe(2);
      expect((await engine.executions("apply")).length - before.apply).toBe(2);
    },
  );
});
