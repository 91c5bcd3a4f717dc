import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { testEngines } from "./engines.ts";
import { useStage } from "./support/stage.ts";

describe.each(testEngines.map(({ name }) => name))("a run on a pool agent (%s)", (engine) => {
  const stage = useStage({ engine });
  let pool = "";
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, concurrency: 2 });
  });

  test("plan, confirm, apply, outputs, state", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const planned = await api.planned(workspace);
    expect(planned).toMatchObject({ state: RunState.PLANNED, hasChanges: true, plannedChanges: { add: 1, change: 0, destroy: 0 } });
  });
});
