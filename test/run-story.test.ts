import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { StateStatus } from "../src/gen/windlass/v1/state_pb.ts";
import { testEngines } from "./engines.ts";
import { refusalOf } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

describe.each(testEngines.map(({ name }) => name))("a run on a pool agent (%s)", (engine) => {
  const stage = useStage({ engine });
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, concurrency: 2, sandbox: "auto", name: "vm-1" });
  });

  /** A workspace of the pool with the hello configuration. */
  async function hello(settings: { readonly autoApply?: boolean } = {}): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, ...settings });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    return workspace;
  }

  test("is planned, confirmed and applied, and leaves outputs and state", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const planned = await api.planned(workspace);
    expect(planned).toMatchObject({ state: RunState.PLANNED, hasChanges: true });
    expect(planned.plannedChanges).toMatchObject({ add: 1, change: 0, destroy: 0 });
    expect(planned.plan).toMatchObject({ agentName: "vm-1", epoch: 1n, logComplete: true });
    expect(await api.getWorkspace(workspace)).toMatchObject({ currentRunId: planned.id, lock: { runId: planned.id } });
    const plan = await api.log(planned.id, RunPhase.PLAN);
    expect(plan.text).toContain("# terraform_data.greeting will be created");
    expect(plan.text).toContain("Plan: 1 to add, 0 to change, 0 to destroy.");

    await api.confirm(planned.id, planned.planSha256);
    const applied = await api.ended(planned.id);
    expect(applied).toMatchObject({ state: RunState.APPLIED, errorMessage: "", appliedChanges: { add: 1 } });
    const apply = await api.log(planned.id, RunPhase.APPLY);
    expect(apply.text).toContain("terraform_data.greeting: Creation complete after");
    expect(apply.text).toContain("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    expect(apply.bytes.length).toBe(Number(applied.apply?.logBytes));

    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, world" });
    const state = await api.state(workspace);
    expect(state.resources).toMatchObject([{ type: "terraform_data", name: "greeting" }]);
    const [newest] = await api.stateVersions(workspace);
    expect(newest).toMatchObject({ status: StateStatus.CURRENT, runId: planned.id, resourceCount: 1 });
    expect(newest).toMatchObject({ id: applied.stateVersionId, serial: BigInt(state.serial), lineage: state.lineage });
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
  });

  test("applies by itself when it was asked to, or when its workspace says so", async () => {
    const { api } = stage.server;
    const [byRun, byWorkspace] = [await hello(), await hello({ autoApply: true })];
    const ids = [await api.start(byRun, { autoApply: true }), await api.start(byWorkspace)];
    for (const id of ids) expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, decidedBy: "" });
    const asks = await api.planned(byWorkspace, { autoApply: false, variables: [{ key: "who", value: "you" }] });
    expect(asks.state).toBe(RunState.PLANNED);
    await api.clients.runs.discardRun({ runId: asks.id });
  });

  test("that only plans takes no lock and changes nothing", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const run = await api.ended(await api.start(workspace, { planOnly: true }));
    expect(run).toMatchObject({ state: RunState.PLANNED_AND_FINISHED, hasChanges: true, plannedChanges: { add: 1 } });
    expect(run.apply).toBeUndefined();
    expect(await api.getWorkspace(workspace)).toMatchObject({ currentStateVersionId: "" });
    expect(await refusalOf(api.confirm(run.id))).toMatchObject({ reason: "RUN_NOT_CONFIRMABLE" });
  });

  test("ends after the plan when nothing changes, and can destroy everything", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    await api.applied(workspace);
    const unchanged = await api.ended(await api.start(workspace));
    expect(unchanged).toMatchObject({ state: RunState.PLANNED_AND_FINISHED, hasChanges: false });
    expect((await api.log(unchanged.id, RunPhase.PLAN)).text).toContain("No changes.");
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();

    const destroyed = await api.applied(workspace, { destroy: true });
    expect(destroyed).toMatchObject({ state: RunState.APPLIED, appliedChanges: { add: 0, destroy: 1 } });
    expect((await api.state(workspace)).resources).toEqual([]);
    expect(await api.outputs(workspace)).toEqual({});
  });

  test("is confirmed once, and only with the plan that was read", async () => {
    const { api } = stage.server;
    const { id } = await api.planned(await hello());
    expect(await refusalOf(api.confirm(id, "0".repeat(64)))).toMatchObject({ reason: "PLAN_CHANGED", code: "Aborted" });
    await api.confirm(id);
    const second = await refusalOf(api.confirm(id));
    expect(second).toMatchObject({ reason: "RUN_NOT_CONFIRMABLE", code: "FailedPrecondition" });
    expect(second.message).toContain(id);
    expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED });
    expect(await refusalOf(api.confirm(id))).toMatchObject({ reason: "RUN_NOT_CONFIRMABLE" });
  });

  test("that is discarded changes nothing and frees the workspace", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const { id } = await api.planned(workspace);
    await api.clients.runs.discardRun({ runId: id, comment: "not today" });
    expect(await api.run(id)).toMatchObject({ state: RunState.DISCARDED });
    expect(await api.getWorkspace(workspace)).toMatchObject({ currentStateVersionId: "" });
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
    expect(await refusalOf(api.clients.runs.discardRun({ runId: id }))).toMatchObject({
      reason: "RUN_NOT_DISCARDABLE",
    });
    expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED });
  });
});
