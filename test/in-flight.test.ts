import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const patient = `
resource "terraform_data" "quick" {}
resource "terraform_data" "patient" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" { command = "echo begun; SLEEP" }
}
`;

describe("an apply that is killed in the middle of a change", () => {
  const stage = useStage();
  let pool = "";
  let jobs = "";
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    jobs = (await stage.scene.agent(stage.server, { pool, sandbox: "none" })).dataDir;
  });

  async function upload(workspace: string, sleep: string): Promise<void> {
    const directory = await stage.scene.configuration("hello");
    await writeFile(join(directory, "main.tf"), patient.replace("SLEEP", sleep));
    await stage.server.api.upload(workspace, directory);
  }

  test("names what was in flight, and later runs are warned until one was applied", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await upload(workspace, "sleep 300");
    const id = await api.start(workspace, { autoApply: true });
    const hasBegun = async () => (await api.log(id, RunPhase.APPLY, false)).text.includes("(local-exec): begun");
    await until("the change has begun", hasBegun, { deadlineMs: 40_000 });
    process.kill(-(await groupOf(id)), "SIGKILL");
    const run = await api.ended(id);
    expect(run).toMatchObject({ state: RunState.ERRORED, resourcesInFlight: ["terraform_data.patient"] });
    expect(run.inFlight).toMatchObject([{ address: "terraform_data.patient", action: "create" }]);
    const told = await stage.scene.cli(stage.server, ["run", "get", id]);
    expect(told.stdout).toMatch(/^In flight when ended: +terraform_data\.patient \(creating\)$/m);

    const warning = `the apply of ${id} broke off while terraform_data.patient was being created: it may exist without being in the state`;
    const next = await api.planned(workspace);
    expect(next.warnings).toEqual([warning]);
    expect((await api.log(next.id, RunPhase.PLAN)).text).toContain(`Windlass: warning: ${warning}\n`);
    const shown = await stage.scene.cli(stage.server, ["run", "get", next.id]);
    expect(shown.stdout).toContain(warning);
    await api.clients.runs.discardRun({ runId: next.id });

    await upload(workspace, "true");
    expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED, warnings: [warning] });
    expect((await api.planned(workspace)).warnings).toEqual([]);
  });

  /** The group that terraform runs in: all of it ends, as when a machine is cut off. */
  async function groupOf(runId: string): Promise<number> {
    const { jobId = "" } = (await stage.server.api.run(runId)).apply ?? {};
    return Number.parseInt(await readFile(join(jobs, "jobs", `${jobId}-1`, "steps", "apply", "wrapper"), "utf8"), 10);
  }
});
