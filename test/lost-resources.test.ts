import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HeldInState, RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { RunResolution } from "../src/gen/windlass/v1/run_service_pb.ts";
import { Engine } from "../src/gen/windlass/v1/workspace_pb.ts";
import type { RunOptions } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { describeWithTofu } from "./support/terraform.ts";
import { until } from "./support/until.ts";

const first = `
variable "sleep" { default = "sleep 300" }
resource "terraform_data" "r" {
  for_each = toset(["a", "b.c", "d e"])
  input    = each.key
}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.r]
  provisioner "local-exec" { command = "echo begun; \${var.sleep}" }
}
`;

/** With the fewest iterations that OpenTofu takes. */
const encrypting = `
terraform {
  encryption {
    key_provider "pbkdf2" "k" {
      passphrase = "correct-horse-battery-staple"
      iterations = 200000
    }
    method "aes_gcm" "m" { keys = key_provider.pbkdf2.k }
    state { method = method.aes_gcm.m }
  }
}
`;

describeWithTofu("a tofu that writes its state seldom", () => {
  const stage = useStage();
  let agentDir = "";

  async function begin(main = first) {
    const { server, scene } = stage;
    const { api } = server;
    const pool = await api.pool();
    agentDir = (await scene.agent(server, { pool, sandbox: "none" })).dataDir;
    const workspace = await api.workspace({ agentPool: pool, engine: Engine.TOFU });
    const directory = await scene.configuration("hello");
    await writeFile(join(directory, "main.tf"), main);
    await api.upload(workspace, directory);
    return { api, workspace, directory, ...(await begun(workspace)) };
  }

  /** An apply whose last change goes on. */
  async function begun(workspace: string, options: RunOptions = {}) {
    const { api } = stage.server;
    const id = await api.start(workspace, { ...options, autoApply: true });
    const hasBegun = async () => (await api.log(id, RunPhase.APPLY, false)).text.includes("(local-exec): begun");
    await until("the change has begun", hasBegun, { deadlineMs: 60_000 });
    const { jobId = "" } = (await api.run(id)).apply ?? {};
    const wrapper = await readFile(join(agentDir, "jobs", `${jobId}-1`, "steps", "apply", "wrapper"), "utf8");
    return { id, group: Number.parseInt(wrapper, 10) };
  }

  test("is killed: what it had made is listed, and printed as blocks with which nothing is made twice", async () => {
    const { api, workspace, directory, id, group } = await begin();
    const windlass = (...args: readonly string[]) => stage.scene.cli(stage.server, args);
    process.kill(-group, "SIGKILL");
    const run = await api.ended(id);
    expect(run.state).toBe(RunState.ERRORED);
    const addresses = ['terraform_data.r["a"]', 'terraform_data.r["b.c"]', 'terraform_data.r["d e"]'];
    expect(run.lost.map(({ address }) => address).sort()).toEqual(addresses);
    for (const one of run.lost) expect(one).toMatchObject({ action: "create", provider: "terraform", idKey: "id" });
    expect(run.lost.every(({ finishTime, hidden }) => finishTime !== undefined && !hidden)).toBe(true);

    const next = await api.start(workspace);
    expect((await api.run(next)).waiting?.detail).toContain(`windlass run lost ${id}`);
    await api.clients.runs.cancelRun({ runId: next });
    expect((await windlass("status")).stdout).toContain(`windlass run resolve ${id}`);
    expect((await windlass("run", "list", "--needs-decision", "-o", "name")).stdout).toBe(`run/${id}\n`);
    const table = await windlass("run", "lost", id);
    expect(table.stdout).toMatch(/^terraform_data\.r\["b\.c"\] +create +terraform +\S+ .*absent/m);
    expect(JSON.parse((await windlass("run", "lost", id, "-o", "json")).stdout)).toMatchObject({ id, lostCount: 3 });
    expect((await windlass("run", "resolve", id)).stderr).toContain(`windlass run lost ${id} -o hcl`);

    const { stdout: hcl } = await windlass("run", "lost", id, "-o", "hcl");
    await writeFile(join(directory, "lost.tf"), hcl);
    await api.upload(workspace, directory);
    await api.clients.runs.resolveRun({ runId: id, resolution: RunResolution.UNLOCK });
    const planned = await api.planned(workspace, { variables: [{ key: "sleep", value: "true" }] });
    expect(planned.plannedChanges).toMatchObject({ import: 3, add: 1, destroy: 0 });
    expect(planned.warnings).toEqual([expect.stringContaining("a plan makes them again unless they are imported")]);
    await api.confirm(planned.id);
    expect((await api.ended(planned.id)).state).toBe(RunState.APPLIED);
  });

  test("is killed where states are encrypted: all that it had made is listed, since nobody can tell, until somebody decides", async () => {
    const { api, workspace, id, group } = await begin(first + encrypting);
    const windlass = (...args: readonly string[]) => stage.scene.cli(stage.server, args);
    process.kill(-group, "SIGKILL");
    const run = await api.ended(id);
    expect(run).toMatchObject({ state: RunState.ERRORED, lostCount: 3 });
    // Killed so early it has written nothing: what the apply began with is known to have none of them.
    expect(run.lost.map(({ held }) => held)).toEqual(Array(3).fill(HeldInState.ABSENT));
    expect((await windlass("run", "get", id)).stdout).toMatch(/^Finished, not in the state: +terraform_data\.r/m);
    await windlass("run", "resolve", id, "unlock", "--yes");
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();

    await api.applied(workspace, { variables: [{ key: "sleep", value: "true" }] });
    expect(JSON.stringify(await api.state(workspace))).toContain("encrypted_data");
    const replacing = {
      variables: [{ key: "sleep", value: "sleep 301" }],
      replacements: ['terraform_data.r["a"]', "terraform_data.slow"],
    };
    const { id: second, group: other } = await begun(workspace, replacing);
    process.kill(-other, "SIGKILL");
    const lost = (await api.ended(second)).lost;
    expect(lost.map(({ address, held }) => [address, held])).toEqual([['terraform_data.r["a"]', HeldInState.UNKNOWN]]);
    expect((await windlass("run", "get", second)).stdout).toMatch(/^Finished, perhaps not in the state: /m);
    expect((await windlass("run", "lost", second, "-o", "hcl")).stdout).toContain("# The last state cannot be read:");
    await windlass("run", "resolve", second, "unlock", "--yes");
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
  }, 240_000);

  test("is canceled in the first apply of a workspace: its state has all, and keeps its lineage", async () => {
    const { api, workspace, id } = await begin();
    await api.clients.runs.cancelRun({ runId: id });
    const run = await api.ended(id);
    expect(run).toMatchObject({ state: RunState.CANCELED, lostCount: 0 });
    const state = await api.state(workspace);
    for (const key of ["a", "b.c", "d e"]) expect(JSON.stringify(state)).toContain(`"index_key":"${key}"`);
    await api.applied(workspace, { variables: [{ key: "sleep", value: "true" }] });
    expect((await api.state(workspace)).lineage).toBe(state.lineage);
  });
});
