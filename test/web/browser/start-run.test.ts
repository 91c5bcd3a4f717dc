import { beforeAll, describe, expect, test } from "vitest";
import { RunSource, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("runs that are started and decided in the browser", () => {
  const stage = useStage();
  const browser = useBrowser();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-7" });
  });

  async function hello(): Promise<string> {
    const workspace = await stage.server.api.workspace({ agentPool: pool });
    await stage.server.api.upload(workspace, await stage.scene.configuration("hello"));
    return workspace;
  }

  test("the page of all runs asks for the workspace; a run that waits for an agent leads to its pool", async () => {
    const { api } = stage.server;
    const lonely = await api.pool();
    const workspace = await api.workspace({ agentPool: lonely });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default/runs");
    await page.getByTestId("runs-start").click();
    await page.getByTestId("choose-workspace-search").fill(workspace);
    await page.getByTestId(`choose-${workspace}`).click();
    await page.getByTestId("start-run").click();
    const waiting = page.getByTestId("waiting");
    await waiting.getByText("No agent online").waitFor();
    await waiting.getByTestId("waiting-place").click();
    await page.getByRole("heading", { name: lonely }).waitFor();
    expect(somebody.complaints).toEqual([]);
  });

  test("what the server refuses stands beside its field, nothing that was typed is lost, and then it starts", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs?workspace=${workspace}`);
    await page.getByTestId("runs-start").click();
    const dialog = page.getByTestId("start-run-dialog");
    await page.getByTestId("run-message").fill("<b>CHG-7</b>");
    await dialog.getByText("Resources and variables").click();
    await page.getByTestId("run-variables").fill("no value");
    expect(await dialog.locator("p").getByText('"no value" is neither').isVisible()).toBe(true);
    expect(await page.getByTestId("start-run").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("run-variables").fill("who=you");
    await dialog.getByText("More options").click();
    await page.getByTestId("run-parallelism").fill("9999");
    await page.getByTestId("start-run").click();
    await expect.poll(() => page.getByTestId("run-parallelism").getAttribute("aria-invalid")).toBe("true");
    expect(await dialog.getByTestId("error").textContent()).toContain("VALIDATION");
    expect(await page.getByTestId("run-message").inputValue()).toBe("<b>CHG-7</b>");
    await page.getByTestId("run-parallelism").fill("3");
    expect(await dialog.getByTestId("cli-line").textContent()).toContain(
      `windlass run start ${workspace} --cv latest -m '<b>CHG-7</b>' --var who=you --parallelism 3`,
    );
    await page.getByTestId("start-run").click();
    await page.getByRole("heading", { name: "<b>CHG-7</b>" }).waitFor();
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    const [run] = (await api.clients.runs.listRuns({ workspace, sources: [RunSource.BROWSER] })).runs;
    const id = run?.id ?? "";
    expect(await api.run(id)).toMatchObject({ options: { parallelism: 3, variables: [{ key: "who", value: "you" }] } });
    await somebody.open(`/o/default/runs?workspace=${workspace}&source=browser`);
    await page.getByTestId("runs-row").getByText("browser", { exact: true }).waitFor();
    await page.getByTestId("runs-source").selectOption("cli");
    await page.getByText("No run fits these filters").waitFor();
    await page.getByText(`windlass run list -w ${workspace} --source cli`).waitFor();
    expect(somebody.complaints.filter((text) => !text.includes("400"))).toEqual([]);
  });

  test("destroying wants the workspace's name, at the plan and at its confirmation", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    await api.applied(workspace);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs?workspace=${workspace}`);
    await page.getByTestId("runs-start").click();
    await page.getByTestId("run-mode").selectOption("destroy");
    await page.getByText(`Type ${workspace} first`).waitFor({ state: "attached" });
    expect(await page.getByTestId("start-run").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("run-destroy-name").fill(workspace);
    await page.getByTestId("start-run").click();
    await page.getByTestId("run-confirm").getByText("destroys 1").waitFor();
    await page.getByTestId("run-confirm").click();
    expect(await page.getByTestId("dialog-confirm-confirm").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("dialog-confirm-name").fill(workspace);
    await page.getByTestId("dialog-confirm-confirm").click();
    await page.getByTestId("run-badge").getByText("Applied").waitFor();
    const [run] = (await api.clients.runs.listRuns({ workspace })).runs;
    expect(run).toMatchObject({ state: RunState.APPLIED, appliedChanges: { destroy: 1 } });
    expect(somebody.complaints).toEqual([]);
  });

  test("a run that waits says why, and a cancel ends it", async () => {
    const { api } = stage.server;
    const lonely = await api.workspace({ agentPool: await api.pool() });
    await api.upload(lonely, await stage.scene.configuration("hello"));
    const id = await api.start(lonely);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${id}`);
    await page.getByTestId("waiting").getByText("No agent online").waitFor();
    await page.getByTestId("waiting").getByText("Start an agent of the pool").waitFor();
    expect(await page.getByTestId("run-confirm").getAttribute("aria-disabled")).toBe("true");
    await page.getByText("There is no plan yet").waitFor({ state: "attached" });
    await page.getByTestId("run-cancel").click();
    await page.getByTestId("dialog-cancel-confirm").click();
    await page.getByTestId("run-badge").getByText("Canceled").waitFor();
    expect(somebody.complaints).toEqual([]);
  });
});
