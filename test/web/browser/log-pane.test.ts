import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { beforeAll, describe, expect, test } from "vitest";
import { type Run, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { StreamRunLogsResponseSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import type { Visitor } from "../../support/chromium.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

type Page = Visitor["page"];

const section = (page: Page, name: string) => page.locator(`details[data-section="${name}"]`).first();
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
});
