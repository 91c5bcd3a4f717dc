import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AgentStatus } from "../../../src/gen/windlass/v1/agent_pb.ts";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import type { Visitor } from "../../support/chromium.ts";
import type { Scene, TestServer } from "../../support/scene.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

const row = (page: Visitor["page"], table: string, text: string) =>
  page.getByTestId(`${table}-row`).filter({ hasText: text });

describe.skipIf(!hasBrowser)("from an empty server to the first apply", () => {
  const stage = useStage();
  const browser = useBrowser();

  test("pool, grant, assignment, token, agent, run: each page leads to the next step", async () => {
    await using somebody = await browser.admin(stage.server);
    await createLimitedPool(somebody);
    await createAndAssign(somebody);
    await startAgent(somebody, stage);
    await applyRun(somebody, stage);
    // The name that was refused on the way.
    expect(somebody.complaints.filter((text) => !text.includes("400"))).toEqual([]);
  });
});

/** Creates the pool from the page that has none, then limits it to granted workspaces. */
async function createLimitedPool({ page, open }: Visitor): Promise<void> {
  await open("/o/default/pools");
  await page.getByTestId("empty").getByTestId("create-pool").click();
  await page.getByTestId("pool-name").fill("no spaces");
  await page.getByTestId("create-pool-dialog-submit").click();
  const dialog = page.getByTestId("create-pool-dialog");
  await dialog.getByText("The pool was not created: see the fields above.").waitFor();
  expect(await page.getByTestId("pool-name").getAttribute("aria-invalid")).toBe("true");
  await page.getByTestId("pool-name").fill("prod");
  await page.getByTestId("pool-description").fill("the <b>north</b>");
  await page.getByTestId("create-pool-dialog-submit").click();
  await page.getByText("No agent online").first().waitFor();
  expect(new URL(page.url()).pathname).toBe("/o/default/pools/prod");
  await page.getByText("the <b>north</b>").waitFor();

  await page.getByTestId("tab-settings").click();
  await page.getByTestId("scope-granted").click();
  await page.getByTestId("edit-pool-save").click();
  await page.getByText("Saved").waitFor();
}

/** Grants the pool to a workspace that is made afterwards, and assigns it where its execution mode is set. */
async function createAndAssign({ page, open }: Visitor): Promise<void> {
  await page.getByTestId("tab-workspaces").click();
  await page.getByTestId("grant-workspaces").click();
  await page.getByTestId("workspace-search").fill("network");
  await page.getByTestId("choose-network").click();
  await page.getByTestId("grant-workspaces-dialog-submit").click();
  await row(page, "pool-workspaces", "network").getByText("Granted").waitFor();
  await row(page, "pool-workspaces", "network").getByText("not assigned").waitFor();

  await open("/o/default/ws");
  await page.getByTestId("empty").getByTestId("create-workspace").click();
  await page.getByTestId("workspace-name").fill("network");
  await page.getByTestId("workspace-engine").selectOption("terraform");
  await page.getByTestId("create-workspace-dialog-submit").click();
  await page.getByTestId("tab-settings").click();
  await page.getByTestId("workspace-execution-mode").selectOption("agent");
  expect(await page.getByTestId("edit-workspace-save").getAttribute("aria-disabled")).toBe("true");
  await page.getByTestId("workspace-pool").selectOption("prod");
  await page.getByTestId("edit-workspace-save").click();
  await page.getByText("Saved").waitFor();

  await open("/o/default/pools/prod/workspaces");
  await row(page, "pool-workspaces", "network").getByText("Granted").waitFor();
  await row(page, "pool-workspaces", "network").getByText("Assigned", { exact: true }).waitFor();
}

interface Place {
  readonly scene: Scene;
  readonly server: TestServer;
}

/** Makes a token, starts an agent with the line that the dialog shows, and sees it come without touching the page. */
async function startAgent({ page }: Visitor, { scene, server }: Place): Promise<void> {
  await page.getByTestId("tab-agents").click();
  await page.getByTestId("first-token").click();
  await page.getByTestId("token-description").fill("vm-7");
  await page.getByTestId("new-token-dialog-submit").click();
  const secret = (await page.getByTestId("secret").textContent()) ?? "";
  expect(secret).toMatch(/^wdl_agt_/);
  expect(page.url()).not.toContain(secret);
  await page.getByTestId("first-agent").getByText("Waiting for the first agent").waitFor();
  for (const kind of ["systemd", "docker", "kubernetes", "program"]) {
    await page.getByTestId(`start-kind-${kind}`).click();
    const shown = (await page.getByTestId("token-shown").getByRole("tabpanel").textContent()) ?? "";
    expect(shown).toContain(server.url);
    expect(shown).not.toContain(secret);
  }
  const line = (await page.getByTestId("start-step-3").textContent()) ?? "";
  expect(line).toBe(`windlass-agent --address ${server.url} --token-file agent-token`);

  const tokenFile = join(scene.directory, "agent-token");
  await writeFile(tokenFile, `${secret}\n`, { mode: 0o600 });
  const args = line
    .split(" ")
    .slice(1)
    .map((word) => (word === "agent-token" ? tokenFile : word));
  scene.start("windlass-agent", [
    ...args,
    ...["--name", "vm-7", "--data-dir", join(scene.directory, "vm-7"), "--sandbox", "none", "--no-engine-download"],
    ...["--min-free-disk", "1MiB", "--disk-reserve", "1MiB"],
  ]);
  await page.getByTestId("first-agent").getByText("vm-7 connected").waitFor();
  await page.getByTestId("token-done").click();
  await row(page, "agents", "vm-7").getByText("Idle").waitFor();
  expect(await page.content()).not.toContain(secret);
}

/** Starts a run on the workspace's page, and confirms it. */
async function applyRun({ page, open }: Visitor, { scene, server: { api } }: Place): Promise<void> {
  await api.upload("network", await scene.configuration("hello"));
  await open("/o/default/ws/network");
  await page.getByTestId("workspace-start-run").click();
  await page.getByTestId("start-run-dialog").getByTestId("start-run").click();
  await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
  const runId = new URL(page.url()).pathname.split("/")[4] ?? "";
  await page.getByTestId("run-confirm").click();
  await page.getByTestId("dialog-confirm-confirm").click();
  await page.getByTestId("run-badge").getByText("Applied").waitFor();
  expect((await api.run(runId)).state).toBe(RunState.APPLIED);

  await api.agentWhen("vm-7", AgentStatus.IDLE);
  await open("/o/default/pools/prod");
  await row(page, "agents", "vm-7").click();
  await row(page, "agent-jobs", "apply").getByText("Finished").waitFor();
}
