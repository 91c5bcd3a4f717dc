import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { StateStatus, type StateVersion } from "../src/gen/windlass/v1/state_pb.ts";
import { freshName, type State } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

interface EditedState extends State {
  readonly outputs?: Readonly<Record<string, unknown>>;
}

describe("states are managed", () => {
  const stage = useStage();
  let pool: string;
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool });
  });

  const cli = (...args: readonly string[]) => stage.scene.cli(stage.server, ["state", ...args]);
  const answer = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };

  /** A workspace whose greeting has been applied to ana, then to ben; with the state that each apply has left at its end. */
  async function twice() {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const apply = async (who: string): Promise<StateVersion> => {
      const run = await api.applied(workspace, { variables: [{ key: "who", value: who }] });
      expect(run.state).toBe(RunState.APPLIED);
      const { stateVersion } = await api.clients.states.getStateVersion({ stateVersionId: run.stateVersionId });
      if (stateVersion === undefined) throw new Error("the apply left a state");
      return stateVersion;
    };
    return { workspace, ana: await apply("ana"), ben: await apply("ben") };
  }

  async function write(state: EditedState): Promise<string> {
    const file = join(stage.scene.directory, `${freshName("state")}.json`);
    await writeFile(file, JSON.stringify(state));
    return file;
  }

  test("they are listed, compared and fetched by serial or id, and their resources are named", async () => {
    const { api } = stage.server;
    const { workspace, ana, ben } = await twice();
    const difference = await answer("diff", workspace, String(ana.serial), String(ben.serial));
    expect(difference).toBe("  ~ terraform_data.greeting: input, output\n  outputs: greeting\n");
    expect(await answer("diff", ana.id)).toBe(difference);
    expect(difference).not.toMatch(/ana|ben/);
    expect(await answer("resources", workspace, "-o", "name")).toBe("terraform_data.greeting\n");
    const { resources } = await api.clients.states.listStateResources({ stateVersionId: ana.id });
    expect(resources).toMatchObject([{ resourceType: "terraform_data", provider: "terraform.io/builtin/terraform" }]);
    expect(resources[0]?.resourceId).toMatch(/^[0-9a-f-]{36}$/);
    const file = join(stage.scene.directory, "old.tfstate");
    await answer("pull", workspace, String(ana.serial), "--file", file);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ serial: Number(ana.serial) });
    expect(await answer("outputs", `${workspace}@${ana.serial}`, "greeting")).toBe("hello, ana\n");
  });

  test("one can be rolled back to; the next run makes the world fit", async () => {
    const { api } = stage.server;
    const { workspace, ana, ben } = await twice();
    const refused = await cli("rollback", workspace, String(ana.serial));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("add --yes")]);
    await answer("rollback", `workspace/${workspace}`, String(ana.serial), "--yes");
    const [rolled] = await api.stateVersions(workspace);
    expect(rolled).toMatchObject({
      status: StateStatus.CURRENT,
      rollbackOf: ana.id,
      lineage: ben.lineage,
      runId: "",
    });
    expect(rolled?.serial).toBe(ben.serial + 1n);
    expect(rolled?.createdBy).toContain("key_");
    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, ana" });
    const planned = await api.planned(workspace, { variables: [{ key: "who", value: "ben" }], planOnly: true });
    expect(planned).toMatchObject({ hasChanges: true, plannedChanges: { add: 0, change: 1, destroy: 0 } });
    expect(await api.applied(workspace, { variables: [{ key: "who", value: "ben" }] })).toMatchObject({
      state: RunState.APPLIED,
    });
    expect(await cli("rollback", workspace, "7777", "--yes")).toMatchObject({ code: 3 });
  });

  test("one that was edited is pushed; what does not follow on the current one is refused", async () => {
    const { api } = stage.server;
    const { workspace } = await twice();
    const state: EditedState = await api.state(workspace);
    const behind = await cli("push", await write({ ...state, outputs: {} }), "-w", workspace);
    expect(behind).toMatchObject({ code: 5, stderr: expect.stringContaining("which is not higher") });
    const stranger = await write({ ...state, serial: state.serial + 1, lineage: "another-history" });
    expect(await cli("push", stranger, "-w", workspace)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("They describe different histories"),
    });
    expect(await cli("push", join(stage.scene.directory, "nothing"), "-w", workspace)).toMatchObject({ code: 2 });

    const emptied = { ...state, serial: state.serial + 1, resources: [], outputs: {} };
    await answer("push", await write(emptied), "-w", workspace);
    const [pushed] = await api.stateVersions(workspace);
    expect(pushed).toMatchObject({ serial: BigInt(emptied.serial), resourceCount: 0, runId: "", rollbackOf: "" });
    expect(await api.state(workspace)).toEqual(emptied);
    const run = await api.applied(workspace, { variables: [{ key: "who", value: "cid" }] });
    expect(run).toMatchObject({ state: RunState.APPLIED, appliedChanges: { add: 1 } });

    await answer("push", stranger, "-w", workspace, "--force", "--yes");
    expect((await api.state(workspace)).lineage).toBe("another-history");
  });

  test("neither happens while a run holds the workspace, nor under another one's eyes", async () => {
    const { api } = stage.server;
    const { workspace, ana, ben } = await twice();
    const state: EditedState = await api.state(workspace);
    const next = await write({ ...state, serial: state.serial + 1 });
    const run = await api.planned(workspace, { variables: [{ key: "who", value: "cid" }] });
    expect(run.state).toBe(RunState.PLANNED);
    for (const args of [
      ["push", next, "-w", workspace],
      ["rollback", workspace, String(ana.serial), "--yes"],
    ]) {
      const { code, stderr } = await cli(...args);
      expect([code, stderr]).toEqual([5, expect.stringContaining(`is locked by run ${run.id}`)]);
      expect(stderr).toContain(`windlass run confirm ${run.id}`);
    }
    await api.confirm(run.id);
    expect(await api.ended(run.id)).toMatchObject({ state: RunState.APPLIED });
    // The run has written a state meanwhile: the push does not follow on it any more, and a rollback that saw another
    // state stops.
    expect(await cli("push", next, "-w", workspace)).toMatchObject({ code: 5 });
    const stale = { stateVersionId: ana.id, expectedCurrentId: ben.id };
    await expect(api.clients.states.rollbackState(stale)).rejects.toThrow("by now");
    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, cid" });
  });
});
