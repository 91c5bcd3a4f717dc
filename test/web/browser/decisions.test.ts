import { fromBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { GetRunResponseSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { Role } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { freshName } from "../../support/api.ts";
import type { Visitor } from "../../support/chromium.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("two people at one run", () => {
  const stage = useStage();
  const browser = useBrowser();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-7" });
  });

  async function planned(fixture = "hello") {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration(fixture));
    return api.planned(workspace);
  }

  /** Somebody else than the admin. */
  async function ana(): Promise<Visitor> {
    const name = freshName("ana");
    const { secret } = await stage.server.api.clients.apiKeys.createApiKey({ name, role: Role.OPERATOR });
    return browser.person(stage.server, secret);
  }

  /** Opens a run's page and begins to decide, with a comment. */
  async function begin({ page, open }: Visitor, runId: string, action: string): Promise<void> {
    await open(`/o/default/runs/${runId}`);
    await page.locator("[data-testid=live][data-state=live]").waitFor({ state: "attached" });
    await page.getByTestId(`run-${action}`).click();
    await page.getByTestId("action-comment").fill("typed before");
  }

  test("whoever has begun to decide is told by the dialog that somebody else has decided, and loses nothing", async () => {
    const { api } = stage.server;
    const run = await planned("slow");
    await using one = await browser.admin(stage.server);
    await using other = await ana();
    await begin(other, run.id, "confirm");
    await begin(one, run.id, "confirm");
    await one.page.getByTestId("dialog-confirm-confirm").click();
    await one.page.getByTestId("dialog-confirm").waitFor({ state: "detached" });

    const { page } = other;
    const told = page.getByTestId("dialog-confirm-refusal");
    await told.getByText("by now: admin has confirmed it").waitFor();
    const button = page.getByTestId("dialog-confirm-confirm");
    expect(await button.getAttribute("aria-disabled")).toBe("true");
    await button.click({ force: true });
    expect(await page.getByTestId("dialog-confirm").getByTestId("error").count()).toBe(0);
    expect(await page.getByTestId("action-comment").inputValue()).toBe("typed before");
    await page.getByTestId("dialog-back").click();
    expect(await page.getByTestId("plan-resource").first().isVisible()).toBe(true);
    await page.getByTestId("run-ahead").getByText("The apply has begun: follow its log").click();
    await page.getByTestId("log").getByText("second 1 of").first().waitFor();
    await api.clients.runs.cancelRun({ runId: run.id });
    await api.ended(run.id);
    expect([...one.complaints, ...other.complaints]).toEqual([]);
  });

  test("a refusal stands beside the button, with its reason and the request's id, where nothing has told it before", async () => {
    const { api } = stage.server;
    const run = await planned();
    await using somebody = await ana();
    const { page } = somebody;
    await begin(somebody, run.id, "confirm");
    const dialog = page.getByTestId("dialog-confirm");
    // The events of this tab come to an end: it learns of nothing by itself.
    await page.route(/WatchEvents$/, (route) => route.abort());
    await stage.server.stop("SIGTERM");
    await page.locator("[data-testid=live][data-state=reconnecting]").waitFor({ state: "attached" });
    await stage.server.start();
    await api.clients.runs.discardRun({ runId: run.id });
    expect(await page.getByTestId("dialog-confirm-refusal").count()).toBe(0);
    await page.getByTestId("dialog-confirm-confirm").click();
    const error = dialog.getByTestId("error");
    await error.getByText("RUN_NOT_CONFIRMABLE").waitFor();
    expect(await error.textContent()).toMatch(/request [0-9a-z_-]{8,}/);
    expect(await page.getByTestId("action-comment").inputValue()).toBe("typed before");
    await page.getByTestId("dialog-confirm-refusal").getByText("admin has discarded it").waitFor();
    expect((await api.run(run.id)).state).toBe(RunState.DISCARDED);
  });

  test("another plan than the one that was read is not confirmed, and the page says what to do", async () => {
    const { api } = stage.server;
    const run = await planned();
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await begin(somebody, run.id, "confirm");
    // As if the page had read an earlier plan.
    const earlier = "0".repeat(64);
    await page.route(/ConfirmRun$/, (route) => {
      const body = route.request().postDataBuffer()?.toString("latin1") ?? "";
      expect(body).toContain(run.planSha256);
      return route.continue({ postData: Buffer.from(body.replace(run.planSha256, earlier), "latin1") });
    });
    await page.getByTestId("dialog-confirm-confirm").click();
    const error = page.getByTestId("dialog-confirm").getByTestId("error");
    await error.getByText("PLAN_CHANGED").waitFor();
    expect(await error.textContent()).toContain("Read the plan that is shown now, then confirm that one.");
    expect(await error.textContent()).toMatch(/request [0-9a-z_-]{8,}/);
    expect(await page.getByTestId("action-comment").inputValue()).toBe("typed before");
    expect((await api.run(run.id)).state).toBe(RunState.PLANNED);
    await page.unroute(/ConfirmRun$/);
    await page.getByTestId("dialog-confirm-confirm").click();
    await page.getByTestId("run-badge").getByText("Applied").waitFor();
  });
});

describe.skipIf(!hasBrowser)("whoever reads a run that goes on", () => {
  const stage = useStage();
  const browser = useBrowser();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-7" });
  });

  test("stays in the log, and is told that there are changes; in the changes, and is told that there is a log", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("slow"));
    const variables = [{ key: "seconds", value: "3", hcl: true }];
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    const runId = await api.start(workspace, { variables });
    await somebody.open(`/o/default/runs/${runId}`);
    const ahead = page.getByTestId("run-ahead");
    const current = () => page.locator("[aria-label='Parts of the run'] [aria-current=page]").textContent();
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    // A page that came too late for the log begins with the changes.
    if ((await current()) === "Plan log") {
      expect(await page.getByTestId("log").isVisible()).toBe(true);
      await ahead.getByText("See what it changes").click();
    }
    await page.getByTestId("plan-resource").first().waitFor();
    expect(await ahead.count()).toBe(0);

    await api.confirm(runId);
    await ahead.getByText("The apply has begun: follow its log").waitFor();
    expect(await page.getByTestId("plan-resource").first().isVisible()).toBe(true);
    await ahead.click();
    await page.getByTestId("log").getByText("second 1 of").first().waitFor();
    await page.getByTestId("run-badge").getByText("Applied").waitFor();
    await ahead.getByText("It is applied: see what it changed").waitFor();
    expect(await current()).toBe("Apply log");
    expect(await page.getByTestId("log").getByText("Apply complete!").isVisible()).toBe(true);
    await ahead.click();
    await page.getByTestId("plan-resource").first().getByText("applied", { exact: true }).waitFor();
    expect(await ahead.count()).toBe(0);
    expect(somebody.complaints).toEqual([]);
  });

  test("is led from the wait to the log, and stays there when the plan is made", async () => {
    const { api } = stage.server;
    const lonely = await api.pool();
    const workspace = await api.workspace({ agentPool: lonely });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const runId = await api.start(workspace);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/runs/${runId}`);
    await page.getByText("There is no log yet").waitFor();
    await page.locator("[data-testid=live][data-state=live]").waitFor({ state: "attached" });
    // Somebody reads as soon as there is something: the first answer that has a log is the last one before the plan is made.
    const gate = Promise.withResolvers<void>();
    let hasLog = false;
    await page.route(/GetRun(\?|$)/, async (route) => {
      if (hasLog) await gate.promise;
      const response = await route.fetch();
      const { run } = fromBinary(GetRunResponseSchema, await response.body());
      if (run?.state === RunState.PLANNING && run.plan?.startTime !== undefined) hasLog = true;
      await route.fulfill({ response });
    });
    await stage.scene.agent(stage.server, { pool: lonely, name: "vm-8" });
    await page.getByTestId("log").getByText("Windlass: plan of run").waitFor();
    await api.runIn(runId, RunState.PLANNED);
    gate.resolve();
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    await page.getByTestId("run-ahead").getByText("See what it changes").waitFor();
    expect(await page.getByTestId("log").getByText("Windlass: plan of run").count()).toBe(1);
    expect(new URL(page.url()).pathname).toBe(`/o/default/runs/${runId}`);
    await page.getByTestId("run-ahead").click();
    await page.getByTestId("plan-resource").first().waitFor();
    expect(somebody.complaints).toEqual([]);
  });
});
