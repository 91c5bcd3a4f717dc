import { beforeAll, describe, expect, test } from "vitest";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser, violationsOf } from "../../support/visitor.ts";

const themes = ["light", "dark"] as const;
const widths = [1280, 380] as const;

describe.skipIf(!hasBrowser)("axe finds nothing wrong in the pages", () => {
  const stage = useStage();
  const browser = useBrowser();
  const ids = { planned: "", failed: "" };
  const workspace = "network";

  beforeAll(async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    await stage.scene.agent(stage.server, { pool, concurrency: 2 });
    await api.workspace({ name: workspace, agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const broken = await api.workspace({ agentPool: pool });
    await api.upload(broken, await stage.scene.configuration("failing-halfway"));
    ids.failed = (await api.ended(await api.start(broken, { autoApply: true }))).id;
    ids.planned = (await api.planned(workspace)).id;
  });

  const pages = [
    { name: "start page", path: () => "/o/default", shows: "needs-you" },
    { name: "runs", path: () => "/o/default/runs", shows: "runs-row" },
    { name: "plan", path: () => `/o/default/runs/${ids.planned}/changes`, shows: "plan-resource" },
    { name: "log", path: () => `/o/default/runs/${ids.failed}/apply-log`, shows: "log-pane" },
    { name: "timeline", path: () => `/o/default/runs/${ids.failed}/timeline`, shows: "run-events" },
    { name: "keys", path: () => "/o/default", shows: "stats", opens: "keys" },
    { name: "search", path: () => "/o/default", shows: "stats", opens: "search" },
    {
      name: "confirmation",
      path: () => `/o/default/runs/${ids.planned}`,
      shows: "run-confirm",
      opens: "run-confirm",
    },
    { name: "new run", path: () => `/o/default/runs?workspace=${workspace}`, shows: "runs-row", opens: "runs-start" },
  ];

  // Half of their time they wait for pages: beside each other, each in a window of its own.
  test.concurrent.for(themes.flatMap((colorScheme) => widths.map((width) => ({ colorScheme, width }))))(
    "$colorScheme, $width pixels wide",
    async ({ colorScheme, width }, { expect }) => {
      await using somebody = await browser.admin(stage.server, {
        ...{ colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" },
      });
      const { page } = somebody;
      for (const { name, path, shows, opens } of pages) {
        await somebody.open(path());
        await page.getByTestId(shows).first().waitFor();
        if (opens !== undefined && width < 600 && !opens.startsWith("run")) await page.getByTestId("menu").click();
        if (opens !== undefined) await page.getByTestId(opens).first().click();
        // What is still on its way, such as the colour of a button that has just come to life, is looked at again.
        await expect.poll(() => violationsOf(page), { message: name, timeout: 10_000 }).toEqual([]);
      }
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      expect(somebody.complaints).toEqual([]);
    },
  );

  test.each(themes)("signing in, %s", async (colorScheme) => {
    await using somebody = await browser.visitor(stage.server, { colorScheme });
    await somebody.open("/login");
    await somebody.page.getByTestId("sign-in").waitFor();
    expect(await violationsOf(somebody.page)).toEqual([]);
  });
});
