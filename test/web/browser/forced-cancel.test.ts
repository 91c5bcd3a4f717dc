import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { RunPhase, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { ClockHand } from "../../faults/clock-hand.ts";
import { fakeProviderArgs, uploadFake } from "../../support/fake-workspaces.ts";
import { openScene } from "../../support/scene.ts";
import { until } from "../../support/until.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

const minutesMs = 60_000;
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });
const browser = useBrowser();

test.skipIf(!hasBrowser)("an apply that does not stop is ended by force, once terraform has had its time", async () => {
  await using scene = await openScene();
  const clock = await ClockHand.at(join(scene.directory, "clock"));
  const control = await scene.server({ env: clock.environment });
  const { api } = control;
  const pool = await api.pool();
  await scene.agent(control, { pool, args: await fakeProviderArgs(scene) });
  const workspace = await api.workspace({ agentPool: pool });
  await uploadFake(scene, control, {
    workspace,
    main: `resource "fake_server" "web" {\n  name = "web"\n  size = 2\n  fail = "hang"\n}\n`,
  });
  const id = await api.start(workspace, { autoApply: true });
  const says = (text: string) => async () => (await api.log(id, RunPhase.APPLY, false)).text.includes(text);
  await until("the change has begun", says("fake_server.web: Creating..."), { deadlineMs: 60_000 });

  await using somebody = await browser.admin(control);
  const { page } = somebody;
  // The browser's clock goes on with the server's.
  await page.addInitScript(() => {
    const moved = globalThis as typeof globalThis & { aheadMs?: number };
    const RealDate = Date;
    moved.Date = class extends RealDate {
      constructor(...from: readonly unknown[]) {
        super(...((from.length === 0 ? [RealDate.now() + (moved.aheadMs ?? 0)] : from) as [number]));
      }
    } as DateConstructor;
  });
  await somebody.open(`/o/default/runs/${id}`);
  expect(await page.getByTestId("run-force-cancel").count()).toBe(0);
  await page.getByTestId("run-cancel").click();
  await page.getByTestId("dialog-cancel-confirm").click();
  await page.getByTestId("dialog-cancel").waitFor({ state: "detached" });
  const force = page.getByTestId("run-force-cancel");
  await page.getByText(/^Terraform still has .* to stop by itself$/).waitFor({ state: "attached" });
  expect(await force.getAttribute("aria-disabled")).toBe("true");
  await until("terraform was interrupted", says("Interrupt received"), { deadlineMs: 60_000 });

  await clock.set(3 * minutesMs);
  await page.evaluate(`globalThis.aheadMs = ${3 * minutesMs}`);
  await expect.poll(() => force.getAttribute("aria-disabled"), { timeout: 10_000 }).toBe("false");
  await force.click();
  const confirm = page.getByTestId("dialog-force-cancel-confirm");
  expect(await confirm.getAttribute("aria-disabled")).toBe("true");
  await page.getByTestId("dialog-force-cancel").getByText("may be left half done").waitFor();
  await page.getByTestId("dialog-force-cancel-name").fill(workspace);
  await page.getByTestId("action-comment").fill("it hangs");
  await confirm.click();
  await page.getByTestId("run-badge").getByText("Ended by force").waitFor();
  await page.getByTestId("in-flight").getByText("fake_server.web").waitFor();
  await page.getByTestId("tab-timeline").click();
  await page.getByTestId("run-events").getByText("it hangs").waitFor();
  expect(await api.ended(id)).toMatchObject({ state: RunState.FORCE_CANCELED });
  expect(somebody.complaints).toEqual([]);
});
