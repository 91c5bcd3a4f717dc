import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("a run in the browser", () => {
  const stage = useStage();
  const browser = useBrowser();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-7" });
  });

  async function workspaceWith(fixture: string): Promise<string> {
    const workspace = await stage.server.api.workspace({ agentPool: pool });
    await stage.server.api.upload(workspace, await stage.scene.configuration(fixture));
    return workspace;
  }

  test("somebody signs in, sees what needs them, confirms, and watches the log until it is applied", async () => {
    const { api } = stage.server;
    await using somebody = await browser.visitor(stage.server);
    const { page } = somebody;
    const workspace = await workspaceWith("unruly-log");
    const planned = await api.planned(workspace);

    await somebody.open(`/o/default`);
    await page.getByTestId("api-key").fill("wdl_usr_wrong");
    await page.getByTestId("sign-in").click();
    await page.getByText("credential", { exact: false }).first().waitFor();
    await page.getByTestId("api-key").fill((await readFile(stage.server.adminTokenFile, "utf8")).trim());
    await page.getByTestId("sign-in").click();

    await page.getByTestId("needs-you-item").filter({ hasText: workspace }).click();
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    await page.getByTestId("plan-group-create").getByText("terraform_data.unruly").waitFor();
    await page.getByTestId("run-confirm").click();
    expect(await page.getByTestId("confirm-hash").textContent()).toBe(planned.planSha256);
    await page.getByTestId("action-comment").fill("CHG-118");
    await page.getByTestId("dialog-confirm-confirm").click();

    const log = page.getByTestId("log");
    await log.getByText("ordinary line 50").waitFor();
    expect(await page.getByTestId("run-badge").textContent()).toContain("Applying");
    await log.getByText("ordinary line 400").waitFor();
    expect(await log.getByText("ordinary line 400").isVisible()).toBe(true);
    await page.getByTestId("run-badge").getByText("Applied").waitFor();
    expect(await page.title()).toContain("✓");
    expect(await api.run(planned.id)).toMatchObject({ state: RunState.APPLIED, decisionComment: "CHG-118" });
    expect(somebody.complaints.filter((text) => !text.includes("401"))).toEqual([]);
  });

  test("whatever a log says stays text", async () => {
    const run = await stage.server.api.applied(await workspaceWith("unruly-log"));
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${run.id}/apply-log`);
    const log = page.getByTestId("log");
    await log.getByText("ordinary line 400").waitFor();
    const text = (await log.textContent()) ?? "";
    expect(text).toContain('<img src=x onerror=document.title="pwned"><script>');
    expect(text).toContain("after a title");
    expect(text).toContain("rightto left");
    expect(text).toContain("a line of");
    for (const never of ["\u001b", "\u202e", "]0;"]) expect(text).not.toContain(never);
    expect(await page.title()).not.toContain("pwned");
    expect(await log.locator("img, script").count()).toBe(0);
    expect(await log.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")))).toEqual([
      "https://host.example/x",
    ]);
    expect(await log.locator(".ansi-red").first().textContent()).toBe("red");
    expect(somebody.complaints).toEqual([]);
  });

  test("an address names lines of a log, and search finds lines", async () => {
    const run = await stage.server.api.applied(await workspaceWith("unruly-log"));
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${run.id}/apply-log#L30-L32`);
    const marked = page.locator("[data-mark=linked]");
    await expect.poll(() => marked.count(), { timeout: 20_000 }).toBe(3);
    expect(await marked.first().getAttribute("data-n")).toBe("30");
    await expect.poll(() => marked.first().isVisible()).toBe(true);

    await page.getByTestId("log-search").fill("ordinary line 333");
    await page.getByTestId("log-hit").click();
    await expect.poll(() => page.locator("[data-mark=hit]").textContent()).toContain("ordinary line 333");

    const line = page.locator("[data-mark=hit]");
    const number = await line.getAttribute("data-n");
    await line.click({ position: { x: 20, y: 8 } });
    expect(new URL(page.url()).hash).toBe(`#L${number}`);
    expect(somebody.complaints).toEqual([]);
  });

  test("a long log is shown to its end, and from its end to any line of it", async () => {
    const workspace = await workspaceWith("noisy");
    const lines = { key: "lines", value: "20000" };
    const run = await stage.server.api.applied(workspace, { variables: [lines] });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${run.id}/apply-log`);
    const log = page.getByTestId("log");
    await page.locator("[data-testid=log][data-state=ended]").waitFor();
    const below = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    await expect.poll(below, { timeout: 10_000 }).toBeLessThan(2);
    expect(await log.getByText("Apply complete!").isVisible()).toBe(true);
    expect(await log.locator(".log-line[data-n]").count()).toBeGreaterThan(20_000);

    await page.evaluate("location.hash = '#L10000'");
    const marked = page.locator("[data-mark=linked]");
    await expect.poll(() => marked.getAttribute("data-n"), { timeout: 10_000 }).toBe("10000");
    const box = await log.boundingBox();
    const line = await marked.boundingBox();
    expect(line?.y).toBeGreaterThan(box?.y ?? Number.POSITIVE_INFINITY);
    expect(line?.y).toBeLessThan((box?.y ?? 0) + (box?.height ?? 0));
    expect(somebody.complaints).toEqual([]);
  });
});
