import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("what a page shows stays true", () => {
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

  test("a run that somebody else starts and discards comes into the list by itself, with one stream for the tab", async () => {
    const { api } = stage.server;
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    let streams = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/WatchEvents")) streams += 1;
    });
    await somebody.open("/o/default/runs");
    await page.locator("[data-testid=live][data-state=live]").waitFor({ state: "attached" });
    const workspace = await hello();
    const run = await api.planned(workspace);
    const row = page.getByTestId("runs-row").filter({ hasText: workspace });
    await row.getByText("Needs confirmation").waitFor();
    await api.clients.runs.discardRun({ runId: run.id });
    await row.getByText("Discarded").waitFor();
    expect(streams).toBe(1);
    expect(somebody.complaints).toEqual([]);
  });

  test("over a restart of the server the page keeps what it shows, says so, and goes on", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const run = await api.planned(workspace);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${run.id}`);
    await page.getByTestId("plan-resource").first().waitFor();
    await page.getByTestId("run-discard").click();
    await page.getByTestId("action-comment").fill("typed before the restart");

    await stage.server.stop("SIGTERM");
    await page.locator("[data-testid=live][data-state=reconnecting]").waitFor({ state: "attached" });
    expect(await page.getByText("Reconnecting to the server").isVisible()).toBe(true);
    expect(await page.getByTestId("plan-resource").first().isVisible()).toBe(true);
    await page.getByTestId("dialog-discard-confirm").click();
    await page.getByTestId("dialog-discard").getByTestId("error").waitFor();
    expect(await page.getByTestId("action-comment").inputValue()).toBe("typed before the restart");

    await stage.server.start();
    await page.getByTestId("dialog-discard-confirm").click();
    await page.getByTestId("dialog-discard").waitFor({ state: "detached" });
    await page.locator("[data-testid=live][data-state=live]").waitFor({ state: "attached" });
    await page.getByTestId("run-badge").getByText("Discarded").waitFor();
    expect((await api.run(run.id)).decisionComment).toBe("typed before the restart");
  });

  test("whoever's session ends signs in again over the page, and loses nothing that was typed", async () => {
    const { api } = stage.server;
    const run = await api.planned(await hello());
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${run.id}`);
    await page.getByTestId("run-discard").click();
    await page.getByTestId("action-comment").fill("typed before the end");
    await page.context().clearCookies();
    await page.getByTestId("dialog-discard-confirm").click();
    const again = page.getByTestId("sign-in-again");
    await again.getByTestId("api-key").fill((await readFile(stage.server.adminTokenFile, "utf8")).trim());
    await again.getByTestId("sign-in").click();
    await again.waitFor({ state: "detached" });
    expect(await page.getByTestId("action-comment").inputValue()).toBe("typed before the end");
    await page.getByTestId("dialog-discard-confirm").click();
    await page.getByTestId("run-badge").getByText("Discarded").waitFor();
    expect((await api.run(run.id)).decisionComment).toBe("typed before the end");
  });

  test("everything from the start page to the confirmation works with keys alone", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const run = await api.planned(workspace);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default");
    await page.getByTestId("stats").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await page.getByTestId("runs-row").first().waitFor();
    await page.keyboard.press("?");
    await page.getByTestId("keyboard-help").getByText("Next row").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type(run.id);
    await page.getByTestId("jump-target").filter({ hasText: run.id }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    await page.getByTestId("run-confirm").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("dialog-confirm-confirm").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("run-badge").getByText("Applied").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await page.getByTestId("runs-row").first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByTestId("run-badge").waitFor();
    expect(somebody.complaints).toEqual([]);
  });
});
