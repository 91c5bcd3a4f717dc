import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const configuration = `
resource "terraform_data" "quick" {}
resource "terraform_data" "patient" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" { command = "echo begun; exec sleep 300" }
}
`;

describe("an apply that is lost with its agent and its machine", () => {
  const stage = useStage({ args: ["--apply-grace", "5s"] });

  test("is shown in every place that meets it, with the command that decides about it, until that was given", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const windlass = async (...args: readonly string[]) => {
      const { stdout, stderr } = await scene.cli(server, args);
      return { stdout, stderr, all: `${stdout}${stderr}` };
    };
    const pool = await api.pool();
    const agent = await scene.agent(server, { pool, args: ["--work-dir", join(scene.directory, "work")] });
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await scene.configuration("hello");
    await writeFile(join(directory, "main.tf"), configuration);
    await api.upload(workspace, directory);
    expect((await windlass("status")).stdout).toMatch(/^Needs somebody: nothing$/m);

    const id = await api.start(workspace, { autoApply: true });
    const hasBegun = async () => (await api.log(id, RunPhase.APPLY, false)).text.includes("(local-exec): begun");
    await until("the change has begun", hasBegun, { deadlineMs: 40_000 });
    const { jobId = "" } = (await api.run(id)).apply ?? {};
    const wrapper = join(agent.dataDir, "jobs", `${jobId}-1`, "steps", "apply", "wrapper");
    const group = Number.parseInt(await readFile(wrapper, "utf8"), 10);
    await agent.stop("SIGKILL");
    process.kill(-group, "SIGKILL");
    await rm(agent.dataDir, { recursive: true });
    const run = await api.runIn(id, RunState.ERRORED);

    const address = "terraform_data.patient";
    const resolve = `windlass run resolve ${id}`;
    expect(run).toMatchObject({
      state: RunState.ERRORED,
      resourcesInFlight: [address],
      inFlight: [{ address, action: "create", note: expect.stringContaining("the last state of the apply") }],
      errorMessage: expect.stringContaining(`was lost during the apply, with ${address} in flight`),
    });
    const got = await windlass("run", "get", id);
    expect(got.stdout).toMatch(/^In flight when lost: +terraform_data\.patient \(creating\)$/m);
    expect(got.stdout).toMatch(/^Its last state: +terraform_data\.patient: the last state of the apply /m);
    expect(got.all).toContain(resolve);
    expect(JSON.parse((await windlass("run", "get", id, "-o", "json")).stdout)).toMatchObject({
      inFlight: [{ address, action: "create" }],
      waiting: { reason: "WAITING_REASON_RESOLUTION", detail: expect.stringContaining(resolve) },
    });

    const status = await windlass("status");
    expect(status.stdout).toContain("Needs somebody:\n");
    expect(status.stdout).toContain("Lost applies: 1\n");
    expect(status.stdout).toContain(`      ${resolve}\n`);
    expect(JSON.parse((await windlass("status", "-o", "json")).stdout).needsSomebody).toEqual([
      expect.objectContaining({
        kind: "ATTENTION_KIND_LOST_APPLY",
        items: [expect.objectContaining({ id, workspace, command: resolve })],
      }),
    ]);
    expect((await windlass("run", "list", "--needs-decision", "-o", "name")).stdout).toBe(`run/${id}\n`);
    expect((await windlass("run", "list", "--needs-decision", "-o", "wide")).stdout).toContain(resolve);
    expect((await windlass("workspace", "list", "--needs-decision", "-o", "name")).stdout).toBe(
      `workspace/${workspace}\n`,
    );
    expect((await windlass("workspace", "get", workspace)).all).toContain(resolve);
    const unlock = await windlass("workspace", "unlock", workspace);
    expect(unlock.stderr).toContain(resolve);
    expect(unlock.stderr).not.toMatch(/run (confirm|discard)|workspace unlock/);
    const confirm = await windlass("run", "confirm", id);
    expect(confirm.stderr).toContain(resolve);

    const next = await api.start(workspace);
    expect((await api.run(next)).waiting).toMatchObject({
      blockingRunId: id,
      detail: `waits for run ${id} to be decided, since nobody knows what its apply did: ${resolve}`,
    });
    const started = await windlass("run", "start", workspace, "--cv", "latest", "--no-wait");
    expect(started.stderr).toContain(resolve);

    const choices = await windlass("run", "resolve", workspace);
    expect(choices.stdout).toContain(`${address} (creating)`);
    for (const decision of ["wait", "accept-snapshot", "unlock"])
      expect(choices.stderr).toContain(`${resolve} ${decision}\n`);
    const decided = await windlass("run", "resolve", workspace, "accept-snapshot", "--yes");
    expect(decided.stdout).toContain(`${id} is over`);
    expect((await windlass("run", "list", "--needs-decision", "-o", "name")).stdout).toBe("");
    expect((await windlass("run", "get", id)).all).not.toContain("run resolve");

    const { runs: open } = await api.clients.runs.listRuns({ workspace, active: true });
    for (const { id: runId } of open) await api.clients.runs.cancelRun({ runId });
    const [warning] = (await api.run(next)).warnings;
    expect(warning).toContain(`the apply of ${id} broke off while ${address} was being created`);
    await api.clients.pools.unassignWorkspaces({ agentPool: pool, workspaces: [workspace] });
    await until("nobody is needed", async () => /^Needs somebody: nothing$/m.test((await windlass("status")).stdout));
  });
});
