import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { beforeAll, describe, expect, test } from "vitest";
import { type Run, RunPhase, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { StreamRunLogsResponseSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import type { Visitor } from "../../support/chromium.ts";
import { useStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

type Page = Visitor["page"];

const section = (page: Page, name: string) => page.locator(`details[data-section="${name}"]`).first();
const isOpen = (page: Page, name: string) => section(page, name).evaluate((element) => element.hasAttribute("open"));
const below = (page: Page) =>
  page.getByTestId("log").evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
const isWhole = (page: Page) => page.locator("[data-testid=log][data-state=ended]").waitFor();

/** A stream of Connect, as the server writes it. */
function streamOf(messages: readonly MessageInitShape<typeof StreamRunLogsResponseSchema>[]): Buffer {
  const envelope = (flags: number, body: Uint8Array) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flags, 0);
    head.writeUInt32BE(body.length, 1);
    return Buffer.concat([head, body]);
  };
  const parts = messages.map((message) =>
    envelope(0, toBinary(StreamRunLogsResponseSchema, create(StreamRunLogsResponseSchema, message))),
  );
  return Buffer.concat([...parts, envelope(2, Buffer.from("{}"))]);
}

describe.skipIf(!hasBrowser)("a log in the browser", () => {
  const stage = useStage();
  const browser = useBrowser();
  let pool = "";
  let applied: Run;

  beforeAll(async () => {
    const { api } = stage.server;
    pool = await api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-7" });
    applied = await api.applied(await workspaceWith("unruly-log"));
  });

  async function workspaceWith(fixture: string): Promise<string> {
    const workspace = await stage.server.api.workspace({ agentPool: pool });
    await stage.server.api.upload(workspace, await stage.scene.configuration(fixture));
    return workspace;
  }

  test("what is refreshed folds; a click, a key, an address and the search unfold it", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("fanout");
    await api.applied(workspace);
    const run = await api.ended(await api.start(workspace, { planOnly: true, destroy: true }));
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${run.id}/plan-log`);
    await isWhole(page);
    const first = page.locator('.log-line[data-n="3"]');
    expect([await isOpen(page, "Refresh"), await isOpen(page, "Plan")]).toEqual([false, true]);
    expect(await first.isVisible()).toBe(false);
    await section(page, "Refresh").locator("summary").click();
    await expect.poll(() => first.isVisible()).toBe(true);

    await page.keyboard.press("z");
    await expect.poll(() => isOpen(page, "Plan")).toBe(false);
    expect(await isOpen(page, "Refresh")).toBe(false);
    expect(await page.getByTestId("log-fold").textContent()).toBe("Unfold");
    await page.evaluate("location.hash = '#L4'");
    const linked = page.locator("[data-mark=linked]");
    await expect.poll(() => linked.isVisible()).toBe(true);
    expect([await linked.getAttribute("data-n"), await isOpen(page, "Refresh")]).toEqual(["4", true]);
    expect(await isOpen(page, "Plan")).toBe(false);

    await page.getByTestId("log-search").fill("will be destroyed");
    await page.getByTestId("log-hit").first().click();
    await expect.poll(() => page.locator("[data-mark=hit]").isVisible()).toBe(true);
    expect(await isOpen(page, "Plan")).toBe(true);
    await page.getByTestId("log-fold").click();
    await expect.poll(() => isOpen(page, "Refresh")).toBe(true);

    // Somebody who is given the address of a line in it sees that line.
    await somebody.open(`/o/default/runs/${run.id}/plan-log#L5`);
    await page.reload();
    await expect.poll(() => linked.isVisible(), { timeout: 10_000 }).toBe(true);
    expect(await isOpen(page, "Refresh")).toBe(true);
    expect(somebody.complaints).toEqual([]);
  });

  test("wrapped lines stay within the box, and full screen is left by the same key", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${applied.id}/apply-log`);
    await isWhole(page);
    const log = page.getByTestId("log");
    const isWider = () => log.evaluate((box) => box.scrollWidth > box.clientWidth);
    expect(await isWider()).toBe(true);
    await page.getByTestId("log-wrap").click();
    await expect.poll(isWider).toBe(false);
    expect(await page.getByTestId("log-wrap").getAttribute("aria-pressed")).toBe("true");
    // What was the end is the end: lines have become higher.
    await expect.poll(() => below(page), { timeout: 10_000 }).toBeLessThan(2);
    await page.keyboard.press("w");
    await expect.poll(isWider).toBe(true);

    const shown = () => page.evaluate("document.fullscreenElement?.dataset.testid");
    const before = (await log.boundingBox())?.height ?? 0;
    await page.getByTestId("log-full-screen").click();
    await expect.poll(shown).toBe("log-pane");
    await expect.poll(async () => (await log.boundingBox())?.height ?? 0).toBeGreaterThan(before + 50);
    const pane = await page.getByTestId("log-pane").boundingBox();
    expect(pane?.height).toBeLessThanOrEqual(800);
    await page.keyboard.press("x");
    await expect.poll(shown).toBeUndefined();
    expect(somebody.complaints).toEqual([]);
  });

  test("lines have the times at which they came, and the same ones after a reload", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${applied.id}/apply-log`);
    const clocks = async () => {
      await isWhole(page);
      return page
        .locator(".log-line[data-n]")
        .evaluateAll((lines) => lines.map((line) => line.getAttribute("data-clock") ?? "none"));
    };
    const first = await clocks();
    expect(first.length).toBeGreaterThan(3);
    const { startTime, endTime } = applied.apply ?? {};
    if (startTime === undefined || endTime === undefined) throw new Error("the apply has no times");
    const [from, to] = [timestampMs(startTime), timestampMs(endTime)];
    const seconds = Array.from({ length: Math.ceil((to - from) / 1_000) + 1 }, (_, n) => from + n * 1_000);
    const during = await page.evaluate(
      (times) => times.map((time) => new Date(time).toLocaleTimeString("en-GB")),
      seconds,
    );
    expect(during).toEqual(expect.arrayContaining(first));
    await page.keyboard.press("t");
    await page.getByText("When the server got each line").waitFor();
    const gutter = `getComputedStyle(document.querySelector(".log-line[data-n='1']"), "::before").content`;
    expect(await page.evaluate(gutter)).toContain(first[0]);
    await page.reload();
    expect(await clocks()).toEqual(first);
    expect(somebody.complaints).toEqual([]);
  });

  test("whoever scrolls up in a log that grows is left there, told how much has come, and led back to its end", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("unruly-log");
    const lines = { key: "lines", value: "900" };
    const id = await api.start(workspace, { autoApply: true, variables: [lines] });
    await api.runIn(id, RunState.APPLYING);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${id}/apply-log`);
    const log = page.getByTestId("log");
    await log.getByText(/ordinary line 100$/).waitFor();
    await page.getByTestId("log-start").click();
    await page
      .getByTestId("log-follow")
      .getByText(/new lines?$/)
      .waitFor();
    expect(await log.evaluate((box) => box.scrollTop)).toBe(0);
    await page.getByTestId("log-follow").click();
    await expect.poll(() => below(page)).toBeLessThan(2);
    await page.getByTestId("log-follow").waitFor({ state: "detached" });
    await log.getByText(/ordinary line 900$/).waitFor();
    await isWhole(page);
    await expect.poll(() => below(page)).toBeLessThan(2);
    expect(somebody.complaints).toEqual([]);
  });

  test("the first error is one key away; a log without any says so", async () => {
    const { api } = stage.server;
    const failed = await api.applied(await workspaceWith("failing-halfway"));
    expect(failed.state).toBe(RunState.ERRORED);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${failed.id}/apply-log`);
    await isWhole(page);
    await page.keyboard.press("n");
    const hit = page.locator("[data-mark=hit]");
    await expect.poll(() => hit.isVisible()).toBe(true);
    expect(await hit.getAttribute("data-kind")).toBe("error");
    expect(await hit.textContent()).toContain("Error: ");
    expect(await section(page, "Error").count()).toBe(1);

    await somebody.open(`/o/default/runs/${applied.id}/apply-log`);
    await isWhole(page);
    expect(await page.getByTestId("log-error").getAttribute("aria-disabled")).toBe("true");
    await page.getByText("There is no error in this log").waitFor({ state: "attached" });
    expect(somebody.complaints).toEqual([]);
  });

  test("bytes that are lost are a line where they are missing, also in what folds; so is a missing end", async () => {
    const head = "Windlass: plan of run x\nInitializing the backend...\na\nb\nc\nhalf a li";
    const tail = "rest of a line\nTerraform will perform the following actions:\nPlan: 1 to add";
    const chunk = (text: string, offset: number) => ({ chunk: Buffer.from(text), offset: BigInt(offset), epoch: 1n });
    const lost = 12_345;
    const offset = head.length + lost;
    const logProblem = "the agent could not send the last 99 bytes of the log";
    const body = streamOf([
      chunk(head, 0),
      chunk(tail, offset),
      { end: true, epoch: 1n, offset: BigInt(offset + tail.length), missingBytes: 99n, logProblem },
    ]);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await page.route(/StreamRunLogs/, (route) => route.fulfill({ contentType: "application/connect+proto", body }));
    await somebody.open(`/o/default/runs/${applied.id}/plan-log`);
    await isWhole(page);
    const log = page.getByTestId("log");
    const gap = log.getByText("[12,345 bytes of log lost]");
    expect(await gap.isVisible()).toBe(true);
    const texts = await log.locator(".log-line").allTextContents();
    expect(texts.slice(5)).toEqual([
      "half a li",
      "[12,345 bytes of log lost]",
      "rest of a line",
      "Terraform will perform the following actions:",
      "Plan: 1 to add",
      `[${logProblem}]`,
    ]);
    expect(await log.getByText(`[${logProblem}]`).isVisible()).toBe(true);
    expect(somebody.complaints).toEqual([]);
  });

  test("of a log that is too long the middle is left out; what is found there is said, not passed over", {
    timeout: 480_000,
  }, async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("noisy");
    const variables = [{ key: "lines", value: "230000" }];
    const id = await api.start(workspace, { autoApply: true, variables });
    const run = await api.ended(id, { deadlineMs: 300_000 });
    expect(run.state).toBe(RunState.APPLIED);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    page.setDefaultTimeout(120_000);
    await somebody.open(`/o/default/runs/${id}/apply-log`);
    await isWhole(page);
    const log = page.getByTestId("log");
    expect(await log.getByText("Apply complete!").isVisible()).toBe(true);
    expect(await log.locator(".log-gap").textContent()).toMatch(/lines are not shown/);
    expect(await log.locator(".log-line").count()).toBeLessThanOrEqual(200_000);

    const search = page.getByTestId("log-search");
    await search.fill("line 030000:");
    await page.getByTestId("log-hit").click();
    await page.getByTestId("log-not-shown").getByText("is not among the lines that are shown").waitFor();
    expect(await page.getByTestId("log-hit").textContent()).toContain("line 030000: the quick brown fox");
    // Whoever is quicker than the search is led to what was typed, not to what was found before.
    await search.fill("line 229999:");
    await search.press("Enter");
    await expect.poll(() => page.locator("[data-mark=hit]").textContent(), { timeout: 20_000 }).toContain("229999");
    expect(await page.locator("[data-mark=hit]").isVisible()).toBe(true);
    expect(await page.getByTestId("log-not-shown").count()).toBe(0);

    await page.evaluate("location.hash = '#L30000'");
    await page.getByTestId("picked-lines").getByText("not among the lines that are shown here").waitFor();
    await until("the whole log has the line", async () =>
      (await api.log(id, RunPhase.APPLY, false)).text.includes("line 030000: the quick brown fox"),
    );
    expect(somebody.complaints).toEqual([]);
  });
});
