import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { StateStatus } from "../src/gen/windlass/v1/state_pb.ts";
import { testEngines } from "./engines.ts";
import type { Api } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

/** What every apply of this configuration ends with: a state with the result of the check. */
async function expectWhole(api: Api, workspace: string): Promise<void> {
  const [current, ...earlier] = await api.stateVersions(workspace);
  expect(current?.status).toBe(StateStatus.CURRENT);
  expect(earlier.every(({ status }) => status === StateStatus.SUPERSEDED)).toBe(true);
  expect(await api.state(workspace)).toMatchObject({ check_results: [{ status: "pass" }] });
  const aside = await api.clients.states.listStateVersions({ workspace, quarantined: true });
  expect(aside.stateVersions).toEqual([]);
}

describe.each(testEngines.map(({ name }) => name))("applies that end in the state they began with (%s)", (engine) => {
  const stage = useStage({ engine });

  test.each(["auto", "none"] as const)("are applied every time (sandbox %s)", async (sandbox) => {
    const { api } = stage.server;
    const pool = await api.pool();
    const agent = await stage.scene.agent(stage.server, { pool, sandbox });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("checked"));
    for (let time = 1; time <= 4; time++) {
      expect(await api.applied(workspace), `apply ${time}`).toMatchObject({
        state: RunState.APPLIED,
        errorMessage: "",
      });
      await expectWhole(api, workspace);
    }
    const jobs = join(agent.dataDir, "jobs");
    await until("no directory of a job is left", async () => ((await readdir(jobs)).length === 0 ? true : undefined));
  });

  test("a serial that several states have names the last of them", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    await stage.scene.agent(stage.server, { pool });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("checked"));
    for (let time = 1; time <= 2; time++) await api.applied(workspace);
    const [current] = await api.stateVersions(workspace);
    const shown = await stage.scene.cli(stage.server, ["state", "get", workspace, String(current?.serial)]);
    expect(shown.stdout).toContain(current?.id ?? "no state");
    const pulled = await stage.scene.cli(stage.server, ["state", "pull", `${workspace}@${current?.serial}`]);
    expect(JSON.parse(pulled.stdout)).toEqual(await api.state(workspace));
  });
});
