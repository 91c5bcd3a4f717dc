import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AgentStatus } from "../../../src/gen/windlass/v1/agent_pb.ts";
import { type Run, RunPhase, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import type { TestAgent } from "../../support/scene.ts";
import { useStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

/** An apply that stores a state, waits by a command, stores another and hangs. */
const patient = (wait: string) => `
resource "terraform_data" "quick" {}
resource "terraform_data" "patient" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" { command = "echo begun; ${wait}" }
}
resource "terraform_data" "last" {
  depends_on = [terraform_data.patient]
  provisioner "local-exec" { command = "exec sleep 300" }
}
`;

/** An apply that leaves a link where its state should be: nobody can take it. */
const spoiled = `
resource "terraform_data" "spoiler" {
  provisioner "local-exec" {
    command = "rm -f ../state/terraform.tfstate; ln -s moved.tfstate ../state/terraform.tfstate; chmod 0555 .terraform"
  }
}
`;

describe.skipIf(!hasBrowser)("what went wrong is decided in the browser", () => {
  const stage = useStage({ args: ["--apply-grace", "15s"] });
  const browser = useBrowser();

  async function workspaceWith(pool: string, main: string): Promise<string> {
    const workspace = await stage.server.api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("hello");
    await writeFile(join(directory, "main.tf"), main);
    await stage.server.api.upload(workspace, directory);
    return workspace;
  }

  /** An apply that has stored a state and waits. */
  async function waiting(pool: string, wait: string): Promise<Run> {
    const { api } = stage.server;
    const id = await api.start(await workspaceWith(pool, patient(wait)), { autoApply: true });
    const hasBegun = async () => (await api.log(id, RunPhase.APPLY, false)).text.includes("(local-exec): begun");
    await until("the change has begun", hasBegun, { deadlineMs: 60_000 });
    return api.run(id);
  }

  /** Ends an agent, lets the terraform of its apply store another state, and ends that too, as a machine does that fails. */
  async function lose(agent: TestAgent, { id, apply }: Run, sign: string): Promise<void> {
    const job = join(agent.dataDir, "jobs", `${apply?.jobId}-1`);
    const group = Number.parseInt(await readFile(join(job, "steps", "apply", "wrapper"), "utf8"), 10);
    await agent.stop("SIGKILL");
    await writeFile(sign, "");
    const hasGoneOn = async () =>
      /"patient".*\n}\s*$/s.test(await readFile(join(job, "work", "state", "terraform.tfstate"), "utf8"));
    await until("another state is on the disk", hasGoneOn, { deadlineMs: 30_000 });
    process.kill(-group, "SIGKILL");
    await stage.server.api.runIn(id, RunState.ERRORED);
  }

  test("a lost apply is resolved; whoever decides at the same time is told, and the state that still comes is adopted", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const agent = await scene.agent(server, { pool });
    const sign = join(scene.directory, `${pool}.go`);
    const run = await waiting(pool, `until [ -e ${sign} ]; do sleep 0.1; done`);
    await lose(agent, run, sign);
    await using one = await browser.admin(server);
    await using other = await browser.admin(server);
    await one.open("/o/default");
    await one.page.getByTestId("needs-you-item").filter({ hasText: run.workspace }).click();
    await one.page.getByTestId("in-flight").getByText("terraform_data.patient").waitFor();
    await other.open(`/o/default/runs/${run.id}`);
    for (const { page } of [one, other]) {
      await page.getByTestId("run-resolve").click();
      expect(await page.getByTestId("dialog-resolve-confirm").getAttribute("aria-disabled")).toBe("false");
      await page.getByTestId("resolve-unlock").check();
      await page.getByTestId("action-comment").fill("the console's fine");
      expect(await page.getByTestId("dialog-resolve").getByTestId("cli-line").textContent()).toContain(
        `windlass run resolve ${run.id} unlock --comment 'the console'\\''s fine'`,
      );
      expect(await page.getByTestId("dialog-resolve-confirm").getAttribute("aria-disabled")).toBe("true");
      await page.getByTestId("dialog-resolve-name").fill(run.workspace);
    }
    await one.page.getByTestId("dialog-resolve-confirm").click();
    await one.page.getByTestId("dialog-resolve").waitFor({ state: "detached" });
    await one.page.getByTestId("run-resolve").waitFor({ state: "detached" });
    await other.page.getByTestId("dialog-resolve-refusal").getByText("It is decided by now").waitFor();
    expect(await other.page.getByTestId("dialog-resolve-confirm").getAttribute("aria-disabled")).toBe("true");
    expect(await other.page.getByTestId("action-comment").inputValue()).toBe("the console's fine");
    await other.page.getByTestId("dialog-back").click();
    await other.page.getByTestId("tab-timeline").click();
    await other.page.getByTestId("run-events").getByText("the console's fine").waitFor();
    expect((await api.getWorkspace(run.workspace)).lock).toBeUndefined();

    await agent.start();
    const aside = async () =>
      (await api.clients.states.listStateVersions({ workspace: run.workspace, quarantined: true })).stateVersions[0];
    const state = await until("a state is kept aside", aside, { deadlineMs: 40_000 });
    await one.open(`/o/default/ws/${run.workspace}/state`);
    await one.page.getByTestId("states-aside").click();
    await one.page.getByTestId("states-row").filter({ hasText: "Kept aside" }).click();
    await one.page.getByText("Kept aside:").waitFor();
    await other.open(`/o/default/ws/${run.workspace}/state/${state?.id}`);
    await other.page.getByTestId("drop-state").click();
    await other.page.getByTestId("drop-dialog-name").fill(run.workspace);
    await one.page.getByTestId("adopt-state").click();
    await one.page.getByTestId("adopt-dialog-name").fill(run.workspace);
    await one.page.getByTestId("adopt-dialog-confirm").click();
    await one.page.getByTestId("states-row").first().waitFor();
    expect((await api.state(run.workspace)).resources.map(({ name }) => name)).toContain("patient");
    const told = other.page.getByTestId("drop-dialog");
    await told.getByTestId("drop-dialog-refusal").getByText("It is not kept aside any more").waitFor();
    expect(await other.page.getByTestId("drop-dialog-name").inputValue()).toBe(run.workspace);
    expect([...one.complaints, ...other.complaints]).toEqual([]);
    await agent.stop("SIGTERM");
  });

  test("a stolen token is revoked with its jobs stopped; the state that its apply still sent is dropped", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const { id: token, secret } = await api.token(pool);
    const agent = await scene.agent(server, { pool, token: secret });
    const run = await waiting(pool, "exec sleep 300");
    await using somebody = await browser.admin(server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${pool}/tokens`);
    const row = page.getByTestId("tokens-row").filter({ hasText: agent.name });
    await row.getByTestId("revoke-token").click();
    const dialog = page.getByTestId("revoke-token-dialog");
    await dialog.getByTestId("touched-agents").getByText(agent.name).waitFor();
    await dialog.getByText("Otherwise running jobs finish").waitFor();
    await dialog.getByTestId("stop-jobs").check();
    await dialog.getByText("states they still send are put aside").waitFor();
    expect(await dialog.getByTestId("cli-line").textContent()).toContain(`windlass token revoke ${token} --stop`);
    expect(await page.getByTestId("revoke-token-dialog-confirm").textContent()).toBe("Revoke and stop jobs");
    await page.getByTestId("revoke-token-dialog-confirm").click();
    await dialog.waitFor({ state: "detached" });
    await agent.program.ended;

    await somebody.open(`/o/default/runs/${run.id}`);
    await page.getByTestId("run-resolve").waitFor();
    const aside = async () =>
      (await api.clients.states.listStateVersions({ workspace: run.workspace, quarantined: true })).stateVersions[0];
    const state = await until("a state is kept aside", aside, { deadlineMs: 40_000 });
    await page.getByTestId("run-resolve").click();
    await page.getByTestId("resolve-unlock").check();
    await page.getByTestId("dialog-resolve-name").fill(run.workspace);
    await page.getByTestId("dialog-resolve-confirm").click();
    await page.getByTestId("run-resolve").waitFor({ state: "detached" });
    await using other = await browser.admin(server);
    for (const { open } of [somebody, other]) await open(`/o/default/ws/${run.workspace}/state/${state?.id}`);
    await other.page.getByTestId("adopt-state").click();
    await other.page.getByTestId("adopt-dialog-name").fill(run.workspace);
    await page.getByTestId("drop-state").click();
    expect(await page.getByTestId("drop-dialog-confirm").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("drop-dialog-name").fill(run.workspace);
    await page.getByTestId("drop-dialog-confirm").click();
    await page.getByTestId("drop-dialog").waitFor({ state: "detached" });
    expect(new URL(page.url()).pathname).toBe(`/o/default/ws/${run.workspace}/state`);
    const { stateVersions } = await api.clients.states.listStateVersions({
      workspace: run.workspace,
      quarantined: true,
    });
    expect(stateVersions.map(({ id }) => id)).not.toContain(state?.id);
    await other.page.getByTestId("adopt-dialog-refusal").getByText("It is gone by now").waitFor();
    expect(await other.page.getByTestId("adopt-dialog-confirm").getAttribute("aria-disabled")).toBe("true");
    expect(somebody.complaints).toEqual([]);
  });

  test("what an agent keeps is named by the run and removed on the agent's page; then the agent is deleted", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const agent = await scene.agent(server, { pool });
    const { id } = await api.applied(await workspaceWith(pool, spoiled));
    const isTold = ({ keptDirectories: [kept] }: Run) => kept !== undefined && kept.sizeBytes > 0n;
    const run = await api.runWhen(id, "says what is kept of it", isTold, { deadlineMs: 40_000 });
    const path = run.keptDirectories[0]?.path ?? "";
    await using one = await browser.admin(server);
    await using other = await browser.admin(server);
    await one.open(`/o/default/runs/${run.id}`);
    await one.page.getByText(`Files stay on ${agent.name}, in ${path}`).waitFor();
    for (const { page, open } of [one, other]) {
      await open(`/o/default/agents/${agent.name}`);
      await page.getByTestId("kept-directories").getByText(path, { exact: true }).waitFor();
      await page.getByTestId("remove-kept").click();
      await page.getByTestId("remove-kept-dialog-name").fill(run.workspace);
    }
    await one.page.getByTestId("remove-kept-dialog-confirm").click();
    await one.page.getByTestId("kept-directories").waitFor({ state: "detached" });
    await until("it is removed", () => !existsSync(path));
    await other.page.getByTestId("remove-kept-dialog-refusal").waitFor();
    await expect
      .poll(() => other.page.getByTestId("remove-kept-dialog-refusal").textContent(), { timeout: 30_000 })
      .toBe("It is gone by now.");
    await other.page.getByTestId("dialog-back").click();

    const { page } = one;
    expect(await page.getByTestId("delete-agent").getAttribute("aria-disabled")).toBe("true");
    await agent.stop("SIGTERM");
    await api.agentWhen(agent.name, AgentStatus.EXITED);
    await page.getByText("Exited", { exact: true }).waitFor();
    await page.getByTestId("delete-agent").click();
    await page.getByTestId("delete-agent-dialog").getByText("It is forgotten").waitFor();
    await page.getByTestId("delete-agent-dialog-confirm").click();
    await page.getByRole("heading", { name: "Agents" }).waitFor();
    const { agents } = await api.clients.agents.listAgents({ includeExited: true });
    expect(agents.map(({ name }) => name)).not.toContain(agent.name);
    // The event may be there before the page is left: it asks once more for what is gone.
    expect(one.complaints.filter((text) => !text.includes("status of 404"))).toEqual([]);
  });
});
