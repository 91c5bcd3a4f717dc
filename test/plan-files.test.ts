import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { makingEngine } from "./support/engine.ts";
import { useStage } from "./support/stage.ts";
import { storages } from "./support/terraform-stage.ts";

describe.each(storages)("what a plan made, with %s", (engine) => {
  const stage = useStage({ engine });

  /** A workspace whose plans are made by one agent and applied by another. */
  async function workspace(sandbox: "auto" | "none"): Promise<string> {
    const { scene, server } = stage;
    const pool = await server.api.pool();
    const path = await makingEngine(scene.directory);
    for (const phase of ["plan", "apply"]) {
      await scene.agent(server, { pool, sandbox, args: ["--accept", phase, "--engine-path", path] });
    }
    const name = await server.api.workspace({ agentPool: pool });
    await server.api.upload(name, await scene.configuration("making"));
    return name;
  }

  /** Objects of the control plane; those of PostgreSQL are no files. */
  const objects = async (): Promise<readonly string[]> =>
    (await readdir(join(stage.server.dataDir, "blobs"), { recursive: true, withFileTypes: true }).catch(() => []))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);

  test.each(["none", "auto"] as const)("is there when another agent applies it (sandbox %s)", async (sandbox) => {
    const { api } = stage.server;
    const planned = await api.planned(await workspace(sandbox));
    const { text } = await api.log(planned.id, RunPhase.PLAN);
    expect(text).toContain(
      "Windlass: 2 files that the plan made or changed go with it to the apply: build/fn.zip (17 B), build/zeros (2.9 KiB)",
    );
    const before = await objects();
    await api.confirm(planned.id, planned.planSha256);
    expect(await api.ended(planned.id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    const apply = await api.log(planned.id, RunPhase.APPLY);
    expect(apply.text).toContain("zipped in a plan");
    expect(apply.text).toMatch(/-rw------- .* fn\.zip/);
    const after = await objects();
    const gone = before.filter((name) => !after.includes(name));
    expect(gone).toHaveLength(engine === "sqlite" ? 1 : 0);
  });

  test("does not survive a run that is discarded", async () => {
    const { api } = stage.server;
    const planned = await api.planned(await workspace("none"));
    const before = await objects();
    await api.clients.runs.discardRun({ runId: planned.id });
    expect(await api.ended(planned.id)).toMatchObject({ state: RunState.DISCARDED });
    expect((await objects()).length).toBe(before.length - (engine === "sqlite" ? 1 : 0));
  });
});

describe("a control plane that takes little", () => {
  const stage = useStage({ args: ["--max-plan-files-size", "6KB"] });

  test("has what is too large named in the plan's log, before anybody confirms it", async () => {
    const { scene, server } = stage;
    const pool = await server.api.pool();
    await scene.agent(server, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
    const workspace = await server.api.workspace({ agentPool: pool });
    await server.api.upload(workspace, await scene.configuration("making"));
    const planned = await server.api.planned(workspace);
    const { text } = await server.api.log(planned.id, RunPhase.PLAN);
    expect(text).toContain("Windlass: the apply will NOT have build/zeros (2.9 KiB): at most 5.9 KiB go with a plan");
    await server.api.confirm(planned.id);
    expect(await server.api.ended(planned.id)).toMatchObject({ state: RunState.APPLIED });
    expect((await server.api.log(planned.id, RunPhase.APPLY)).text).not.toContain("zeros");
  });
});
