import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

const secret = "hunter22-secret";
/** What comes last in the plan's order is what destroys. */
const before = `
resource "terraform_data" "zz_destroyed" {}
resource "terraform_data" "zz_replaced" { triggers_replace = ["one"] }
`;
const after = `
variable "password" {
  type      = string
  sensitive = true
  default   = "${secret}"
}
resource "terraform_data" "node" {
  count = 2500
  input = { name = "node-\${count.index}", password = var.password }
}
resource "terraform_data" "zz_replaced" { triggers_replace = ["two"] }
`;

/** What a browser can have without anybody feeling it; a page without a plan has some hundreds of elements. */
const maxElements = 1_000;
const maxHeapMiB = 30;
/** Of 400 rows. */
const maxElementsOfRows = 8_000;

const stage = useStage();
const browser = useBrowser();

test.skipIf(!hasBrowser)(
  "a plan of thousands of changes opens with what destroys, and one of them is found",
  async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    await stage.scene.agent(stage.server, { pool });
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("hello");
    const upload = async (main: string) => {
      await writeFile(join(directory, "main.tf"), main);
      await api.upload(workspace, directory);
    };
    await upload(before);
    expect((await api.applied(workspace)).state).toBe(RunState.APPLIED);
    await upload(after);
    const id = await api.start(workspace);
    const run = await api.runIn(id, RunState.PLANNED, { deadlineMs: 120_000 });
    expect(run.plannedChanges).toMatchObject({ add: 2501, destroy: 2 });

    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable");
    const heapMiB = async () => {
      await devtools.send("HeapProfiler.collectGarbage");
      const { metrics } = await devtools.send("Performance.getMetrics");
      return (metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? 0) / 1024 / 1024;
    };
    const elements = () => page.evaluate<number>("document.querySelectorAll('*').length");
    let reads = 0;
    page.on("request", (request) => {
      if (request.url().includes("GetRunPlan")) reads += 1;
    });
    await page.addInitScript(`
    globalThis.longTasks = [];
    new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
      .observe({ type: "longtask", buffered: true });
  `);

    await somebody.open(`/o/default/runs/${id}`);
    const created = page.getByTestId("plan-group-create");
    await created.getByText("2,500").waitFor();
    await page.getByTestId("plan-unread").waitFor({ state: "detached" });
    const groups = page.locator("[data-testid^=plan-group-]");
    expect(await groups.evaluateAll((all) => all.map((one) => one.getAttribute("data-testid")))).toEqual([
      "plan-group-destroy",
      "plan-group-replace",
      "plan-group-create",
    ]);
    expect(await page.getByTestId("plan-group-destroy").getByText("zz_destroyed").isVisible()).toBe(true);
    expect(await page.getByTestId("plan-group-replace").getByText("triggers_replace").first().isVisible()).toBe(true);
    const opened = { elements: await elements(), heapMiB: await heapMiB(), reads };
    expect(opened.elements).toBeLessThan(maxElements);
    expect(opened.heapMiB).toBeLessThan(maxHeapMiB);
    // A page of it is up to a thousand rows, or a megabyte.
    expect(reads).toBeLessThanOrEqual(6);

    await created.locator("summary").first().click();
    await created.getByText("node[0]", { exact: false }).first().waitFor();
    const rows = created.getByTestId("plan-resource");
    expect(await rows.count()).toBe(200);
    await rows.first().locator("summary").click();
    await rows.first().getByText("(sensitive)").first().waitFor();
    await page.getByTestId("plan-rows-more").click();
    await expect.poll(() => rows.count()).toBe(400);
    expect(await elements()).toBeLessThan(maxElementsOfRows);
    expect(await page.content()).not.toContain(secret);

    await page.getByTestId("plan-find").fill("node[2345]");
    await expect.poll(() => rows.count()).toBe(1);
    expect(await rows.first().isVisible()).toBe(true);
    expect(await groups.count()).toBe(1);
    await page.getByTestId("plan-find").fill("zz_");
    await page.getByTestId("plan-kind-replace").click();
    await expect.poll(() => page.getByTestId("plan-resource").count()).toBe(1);
    expect(new URL(page.url()).search).toContain("kind=replace");
    await page.getByTestId("plan-find").fill("no such thing");
    await page.getByText("No change fits this filter.").waitFor();

    // What others do does not make this page read its plan again.
    const other = await api.workspace({ agentPool: pool });
    await api.upload(other, await stage.scene.configuration("hello"));
    await api.planned(other);
    await api.clients.runs.commentRun({ runId: id, comment: "looks large" });
    await page.getByTestId("tab-timeline").click();
    await page.getByTestId("run-events").getByText("looks large").waitFor();
    await page.getByTestId("tab-changes").click();
    await page.getByTestId("plan-group-destroy").waitFor();
    expect(reads).toBe(opened.reads);
    const longest = Math.max(0, ...(await page.evaluate<number[]>("globalThis.longTasks")));
    console.log(JSON.stringify({ ...opened, longestTaskMs: Math.round(longest), heapAtEndMiB: await heapMiB() }));
    expect(somebody.complaints).toEqual([]);
  },
);
