import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { StateVersion } from "../../../src/gen/windlass/v1/state_pb.ts";
import { Role } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("workspaces in the browser", () => {
  const stage = useStage();
  const browser = useBrowser();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool });
  });

  test("a lock shows its holder and reason; its holder unlocks it", async () => {
    const workspace = await stage.server.api.workspace();
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}`);
    await page.getByTestId("lock-workspace").click();
    await page.getByTestId("lock-reason").fill("moving <b>house</b>");
    await page.getByTestId("lock-dialog-submit").click();
    await page.getByTestId("lock-banner").getByText("Locked by admin").waitFor();
    await page.getByTestId("lock-banner").getByText("moving <b>house</b>").waitFor();
    await page.getByTestId("unlock-workspace").click();
    await page.getByTestId("unlock-dialog-confirm").click();
    await page.getByTestId("lock-banner").waitFor({ state: "detached" });
    expect(somebody.complaints).toEqual([]);
  });

  test("somebody else's lock wants the workspace's name typed", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace();
    const { secret } = await api.clients.apiKeys.createApiKey({
      organization: "default",
      name: "ana",
      role: Role.OPERATOR,
    });
    const locked = await fetch(`${stage.server.url}/windlass.v1.WorkspaceService/LockWorkspace`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${secret}` },
      body: JSON.stringify({ workspace, reason: "holiday" }),
    });
    expect(locked.status).toBe(200);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}`);
    await page.getByTestId("lock-banner").getByText("Locked by ana").waitFor();
    await page.getByTestId("unlock-workspace").click();
    expect(await page.getByTestId("unlock-dialog-confirm").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("unlock-dialog-name").fill(workspace);
    await page.getByTestId("unlock-dialog-confirm").click();
    await page.getByTestId("lock-banner").waitFor({ state: "detached" });
  });

  test("variables: a sensitive value never comes back, and it is told where each value is from", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace();
    const set = "shared";
    await api.clients.variableSets.createVariableSet({
      organization: "default",
      variableSet: { name: set, isGlobal: true },
    });
    await api.clients.variables.setVariables({
      organization: "default",
      variableSet: set,
      variables: [{ key: "region", value: "us" }],
    });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}/variables`);
    await page.getByTestId("empty").getByTestId("add-variable").click();
    await page.getByTestId("variable-key").fill("password");
    await page.getByTestId("variable-value").fill("hunter22-secret");
    await page.getByTestId("variable-sensitive").check();
    expect(await page.getByTestId("variable-dialog").getByTestId("cli-line").textContent()).not.toContain("hunter22");
    await page.getByTestId("variable-dialog-submit").click();
    await page.getByTestId("variables-row").getByText("sensitive: not shown").waitFor();
    await page.getByTestId("add-variable").click();
    await page.getByTestId("variable-key").fill("region");
    await page.getByTestId("variable-value").fill("eu");
    await page.getByTestId("variable-dialog-submit").click();
    const effective = page.getByTestId("effective-variables-row").filter({ hasText: "region" });
    await effective.getByText("eu").waitFor();
    await effective.getByText(`hides ${set}`).waitFor();
    await page.getByTestId("variables-row").filter({ hasText: "region" }).getByTestId("delete-variable").click();
    await page.getByTestId("delete-variable-dialog-confirm").click();
    await effective.getByText(`set ${set}`).waitFor();
    expect(await page.content()).not.toContain("hunter22-secret");
    expect(somebody.complaints).toEqual([]);
  });

  /** An apply stores several states: one in which a resource is not what it was in the one before. */
  async function changedState(newestFirst: readonly StateVersion[]): Promise<string | undefined> {
    const { states } = stage.server.api.clients;
    for (const [at, { id }] of newestFirst.entries()) {
      const before = newestFirst[at + 1];
      if (before === undefined) return undefined;
      const { difference } = await states.diffStates({ fromStateVersionId: before.id, toStateVersionId: id });
      if ((difference?.changed.length ?? 0) > 0) return id;
    }
    return undefined;
  }

  test("a state is compared with the one before it, downloaded, and rolled back to", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    await api.applied(workspace);
    await api.set(workspace, [{ key: "who", value: "people" }]);
    await api.applied(workspace);
    const before = await api.stateVersions(workspace);
    const newest = before[0];
    const oldest = before.at(-1);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}/state/${await changedState(before)}`);
    await page.getByTestId("state-difference").getByText("terraform_data.greeting").first().waitFor();
    await somebody.open(`/o/default/ws/${workspace}/state/${newest?.id}`);
    await page.getByTestId("resources-row").getByText("terraform_data.greeting").waitFor();
    expect(await page.getByTestId("rollback-state").getAttribute("aria-disabled")).toBe("true");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("download-state").click()]);
    expect(JSON.parse(await readFile(await download.path(), "utf8")).serial).toBe(Number(newest?.serial));

    await somebody.open(`/o/default/ws/${workspace}/state/${oldest?.id}`);
    await page.getByTestId("rollback-state").click();
    await page.getByTestId("rollback-dialog-name").fill(workspace);
    await page.getByTestId("rollback-dialog-confirm").click();
    await page.getByRole("heading", { name: `State ${Number(newest?.serial) + 1}` }).waitFor();
    await page.getByTestId("state-facts").getByText("rolled back by admin").waitFor();
    const [current] = await api.stateVersions(workspace);
    expect(current?.rollbackOf).toBe(oldest?.id);
    expect(somebody.complaints).toEqual([]);
  });

  test("deleting a workspace says what is lost, and wants its name", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace();
    await api.set(workspace, [{ key: "a", value: "1" }]);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}/settings`);
    await page.getByTestId("delete-workspace").click();
    await page.getByTestId("losses").getByText("1 variable").waitFor();
    await page.getByTestId("delete-workspace-dialog-name").fill(workspace);
    await page.getByTestId("delete-workspace-dialog-confirm").click();
    await page.getByTestId("create-workspace").first().waitFor();
    await expect(api.getWorkspace(workspace)).rejects.toThrow("does not exist");
  });
});
