import { beforeAll, describe, expect, test } from "vitest";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser, violationsOf } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("axe finds nothing wrong with the pages of pools, agents, workspaces and settings", () => {
  const stage = useStage();
  const browser = useBrowser();
  const place = { pool: "", workspace: "", state: "", agent: "" };

  beforeAll(async () => {
    const { api } = stage.server;
    const organization = "default";
    place.pool = await api.pool();
    const { name } = await stage.scene.agent(stage.server, { pool: place.pool });
    place.agent = name;
    place.workspace = await api.workspace({ agentPool: place.pool, description: "the <b>north</b>", tags: ["prod"] });
    await api.upload(place.workspace, await stage.scene.configuration("hello"));
    await api.applied(place.workspace);
    place.state = (await api.stateVersions(place.workspace))[0]?.id ?? "";
    await api.set(place.workspace, [{ key: "who", value: "a & b" }]);
    await api.clients.variableSets.createVariableSet({ organization, variableSet: { name: "shared", isGlobal: true } });
    await api.clients.workspaces.lockWorkspace({ organization, workspace: place.workspace, reason: "<i>later</i>" });
  });

  const pages = [
    { path: () => "/o/default/pools", shows: "pools-row" },
    { path: () => "/o/default/pools", shows: "pools-row", opens: "create-pool" },
    { path: () => `/o/default/pools/${place.pool}`, shows: "agents-row" },
    { path: () => `/o/default/pools/${place.pool}/tokens`, shows: "tokens-row" },
    { path: () => `/o/default/pools/${place.pool}/tokens`, shows: "tokens-row", opens: "revoke-token" },
    {
      path: () => `/o/default/pools/${place.pool}/tokens`,
      shows: "tokens-row",
      opens: "new-token",
      sends: "new-token-dialog-submit",
      waits: "secret",
    },
    { path: () => `/o/default/pools/${place.pool}/workspaces`, shows: "pool-workspaces-row" },
    {
      path: () => `/o/default/pools/${place.pool}/workspaces`,
      shows: "pool-workspaces-row",
      opens: "assign-workspaces",
    },
    { path: () => `/o/default/pools/${place.pool}/queue`, shows: "chart" },
    { path: () => `/o/default/pools/${place.pool}/settings`, shows: "in-the-way" },
    { path: () => "/o/default/agents", shows: "agents-row" },
    { path: () => `/o/default/agents/${place.agent}`, shows: "agent-events" },
    { path: () => `/o/default/agents/${place.agent}`, shows: "agent-events", opens: "pause-agent" },
    { path: () => "/o/default/ws", shows: "workspaces-row" },
    { path: () => "/o/default/ws", shows: "workspaces-row", opens: "create-workspace" },
    { path: () => `/o/default/ws/${place.workspace}`, shows: "resources-row" },
    { path: () => `/o/default/ws/${place.workspace}`, shows: "resources-row", opens: "workspace-upload" },
    { path: () => `/o/default/ws/${place.workspace}/runs`, shows: "runs-row" },
    { path: () => `/o/default/ws/${place.workspace}/variables`, shows: "variables-row" },
    { path: () => `/o/default/ws/${place.workspace}/variables`, shows: "variables-row", opens: "add-variable" },
    { path: () => `/o/default/ws/${place.workspace}/state`, shows: "states-row" },
    { path: () => `/o/default/ws/${place.workspace}/state/${place.state}`, shows: "resources-row" },
    { path: () => `/o/default/ws/${place.workspace}/settings`, shows: "edit-workspace" },
    { path: () => "/o/default/settings", shows: "sessions" },
    { path: () => "/o/default/settings/organizations", shows: "organizations-row" },
    { path: () => "/o/default/settings/variable-sets", shows: "sets-row" },
    { path: () => "/o/default/settings/variable-sets/shared", shows: "edit-set" },
    { path: () => "/o/default/settings/providers", shows: "add-source", opens: "add-source" },
    { path: () => "/o/default/settings/server", shows: "limits" },
    { path: () => "/o/default/audit", shows: "audit-row" },
  ];

  // Half of their time they wait for pages: beside each other, each in windows of its own.
  test.concurrent.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 380],
  ] as const)("%s, %i pixels wide", async (colorScheme, width) => {
    const viewport = { width, height: 800 };
    await using somebody = await browser.admin(stage.server, { colorScheme, viewport, reducedMotion: "reduce" });
    const { page } = somebody;
    const found: string[] = [];
    for (const { path, shows, opens, sends, waits } of pages) {
      await somebody.open(path());
      await page.getByTestId(shows).first().waitFor();
      if (opens !== undefined) await page.getByTestId(opens).first().click();
      if (sends !== undefined) await page.getByTestId(sends).click();
      if (waits !== undefined) await page.getByTestId(waits).waitFor();
      const where = `${path()} ${opens ?? ""}`;
      found.push(...(await violationsOf(page)).map((violation) => `${where}: ${violation}`));
      const isTooWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
      if (isTooWide === true) found.push(`${where}: the page is wider than its window`);
    }
    expect(found).toEqual([]);
    expect(somebody.complaints).toEqual([]);
  });
});
