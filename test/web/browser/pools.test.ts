import { beforeAll, describe, expect, test } from "vitest";
import { AgentStatus } from "../../../src/gen/windlass/v1/agent_pb.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("pools, tokens and agents in the browser", () => {
  const stage = useStage({ serverAgents: 1 });
  const browser = useBrowser();
  let pool = "";
  let token = "";

  beforeAll(async () => {
    const { api } = stage.server;
    pool = await api.pool();
    const made = await api.token(pool);
    token = made.id;
    await stage.scene.agent(stage.server, { pool, name: "vm-1", token: made.secret });
  });

  test("a pool is created with the keyboard alone", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default");
    await page.getByTestId("stats").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("p");
    await page.getByTestId("pools").waitFor();
    const focused = () => page.evaluate("document.activeElement?.dataset.testid");
    for (let steps = 0; steps < 30 && (await focused()) !== "create-pool"; steps += 1) await page.keyboard.press("Tab");
    expect(await focused()).toBe("create-pool");
    await page.keyboard.press("Enter");
    await page.getByTestId("create-pool-dialog").waitFor();
    for (let steps = 0; steps < 10 && (await focused()) !== "pool-name"; steps += 1) await page.keyboard.press("Tab");
    await page.keyboard.type("by-hand");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "by-hand" }).waitFor();
    await page.goBack();
    await page.getByTestId("pools").waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "by-hand" }).waitFor();
    expect(somebody.complaints).toEqual([]);
  });

  test("agents of pools are counted, and the server's own is told beside them", async () => {
    await using somebody = await browser.admin(stage.server);
    await somebody.open("/o/default");
    await somebody.page.getByTestId("stats").getByText("0 busy, and the server's own").waitFor();
  });

  test("Escape leaves a dialog, and focus goes back to its button", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${pool}/tokens`);
    await page.getByTestId("new-token").click();
    await page.getByTestId("new-token-dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByTestId("new-token-dialog").waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement?.dataset.testid")).toBe("new-token");
  });

  test("a trust in an issuer is made after a mistake, seen among the tokens, and revoked", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${pool}/tokens`);
    await page.getByTestId("new-trust").click();
    await page.getByTestId("trust-issuer").fill("http://issuer.example.com");
    await page.getByTestId("trust-subjects").fill("system:serviceaccount:windlass:*\n\nrepo:acme/net:main");
    await page.getByTestId("trust-audience").fill("windlass");
    await page.getByTestId("trust-claims").fill("namespace");
    await page.getByText('"namespace" is no NAME=VALUE').waitFor();
    await page.getByTestId("trust-claims").fill("/kubernetes.io/namespace=windlass");
    await page.getByTestId("new-trust-dialog-submit").click();
    await page.getByTestId("new-trust-dialog").getByText(/https/).first().waitFor();
    await page.getByTestId("trust-issuer").fill("https://issuer.example.com");
    await page.getByTestId("trust-description").fill("<b>cluster</b>");
    await page.getByTestId("new-trust-dialog-submit").click();
    await page.getByTestId("new-trust-dialog").waitFor({ state: "detached" });
    const row = page.getByTestId("tokens-row").filter({ hasText: "<b>cluster</b>" });
    await row.getByText("trusts https://issuer.example.com").waitFor();
    await row.getByText("system:serviceaccount:windlass:*, repo:acme/net:main").waitFor();
    expect(await row.getByTestId("rotate-token").getAttribute("aria-disabled")).toBe("true");
    const { agentTokens } = await stage.server.api.clients.tokens.listAgentTokens({
      agentPool: pool,
      onlyTrusts: true,
    });
    expect(agentTokens).toMatchObject([
      { trust: { audience: "windlass", claims: { "/kubernetes.io/namespace": "windlass" } } },
    ]);
    await row.getByTestId("revoke-token").click();
    await page.getByTestId("revoke-token-dialog-confirm").click();
    await row.waitFor({ state: "detached" });
  });

  test("a pool in use is not deleted, and names the workspaces in the way", async () => {
    const { api } = stage.server;
    const used = await api.pool();
    const workspace = await api.workspace({ agentPool: used });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${used}/settings`);
    await page.getByTestId("in-the-way").getByText(workspace).waitFor();
    expect(await page.getByTestId("delete-pool").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("tab-workspaces").click();
    await page.getByTestId("unassign").click();
    await page.getByTestId("unassign-dialog-confirm").click();
    await page.getByTestId("tab-settings").click();
    await page.getByTestId("delete-pool").click();
    expect(await page.getByTestId("delete-pool-dialog-confirm").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("delete-pool-dialog-name").fill(used);
    await page.getByTestId("delete-pool-dialog-confirm").click();
    await page.getByTestId("pools").waitFor();
    expect(await page.getByTestId("pools-row").filter({ hasText: used }).count()).toBe(0);
  });

  test("what somebody else changes meanwhile is told beside the field, and nothing typed is lost", async () => {
    const { api } = stage.server;
    const shared = await api.pool();
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${shared}/settings`);
    await page.getByTestId("pool-description").fill("mine");
    const command = page.getByTestId("edit-pool-cli");
    expect(await command.textContent()).toContain(`windlass pool edit ${shared} --description mine`);
    const changes = { description: "theirs" };
    await api.clients.pools.updateAgentPool({ agentPool: shared, changes, updateMask: { paths: ["description"] } });
    await page.getByText("Somebody has set it to “theirs” since you began").waitFor();
    expect(await page.getByTestId("pool-description").inputValue()).toBe("mine");
    await page.getByTestId("edit-pool-save").click();
    await page.getByText("Saved").waitFor();
    const saved = await api.clients.pools.getAgentPool({ agentPool: shared });
    expect(saved.agentPool?.description).toBe("mine");
  });

  test("a workspace that may not use the pool is not to be assigned before it is granted, which the dialog does", async () => {
    const { api } = stage.server;
    const limited = await api.pool({ grants: ["somebody-else"] });
    const workspace = await api.workspace();
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${limited}/workspaces`);
    await page.getByTestId("assign-workspaces").first().click();
    await page.getByTestId("workspace-search").fill(workspace);
    const choice = page.getByTestId(`choose-${workspace}`);
    await page.getByTestId(`not-granted-${workspace}`).getByText("It may not use this pool: grant it first.").waitFor();
    await choice.click({ force: true });
    expect([await choice.isChecked(), await choice.getAttribute("aria-disabled")]).toEqual([false, "true"]);
    await page.getByTestId(`grant-${workspace}`).click();
    await page.getByTestId(`not-granted-${workspace}`).waitFor({ state: "detached" });
    await choice.check();
    await page.getByTestId("assign-workspaces-dialog-submit").click();
    await page.getByTestId("assign-workspaces-dialog").waitFor({ state: "detached" });
    const { agentPool } = await api.clients.pools.getAgentPool({ agentPool: limited });
    expect([agentPool?.assignedWorkspaces, agentPool?.grantedWorkspaces.toSorted()]).toEqual([
      [workspace],
      ["somebody-else", workspace].toSorted(),
    ]);
    expect(somebody.complaints).toEqual([]);
  });

  test("an agent is paused with a reason that its page shows, and resumed", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default/agents");
    await page.getByTestId("agents-row").filter({ hasText: "vm-1" }).click();
    expect(await page.getByTestId("delete-agent").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("pause-agent").click();
    await page.getByTestId("agent-reason").fill("new <i>disk</i>");
    await page.getByTestId("pause-agent-dialog-confirm").click();
    await page.getByTestId("agent-note").getByText("new <i>disk</i>").waitFor();
    await page.getByTestId("resume-agent").click();
    await page.getByTestId("resume-agent-dialog-confirm").click();
    await page.getByTestId("agent-note").waitFor({ state: "detached" });
    await page.getByTestId("agent-events").getByText("Connected").waitFor();
    expect(somebody.complaints).toEqual([]);
  });

  test("a token is rotated; revoking says which agents it sends away, and ends it", async () => {
    const { api } = stage.server;
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${pool}/tokens`);
    await page.getByTestId("rotate-token").click();
    await page.getByTestId("overlap").selectOption("24h");
    await page.getByTestId("rotate-token-dialog-submit").click();
    expect(await page.getByTestId("secret").textContent()).toMatch(/^wdl_agt_/);
    await page.getByTestId("token-done").click();
    const row = (text: string) => page.getByTestId("tokens-row").filter({ hasText: text });
    const prefixes = (await api.clients.tokens.listAgentTokens({ agentPool: pool })).agentTokens
      .filter(({ trust }) => trust === undefined)
      .map(({ id, prefix }) => [id === token ? "old" : "new", prefix] as const);
    const prefixOf = new Map(prefixes);
    await row("Rotated")
      .getByText(`replaced by ${prefixOf.get("new")}…`)
      .waitFor();
    await row("Rotated")
      .getByText(/^still valid, ends in (23|24) h$/)
      .waitFor();
    await row("Active")
      .getByText(`replaces ${prefixOf.get("old")}…`)
      .waitFor();
    await row("Rotated").getByTestId("revoke-token").click();
    await page.getByTestId("touched-agents").getByText("vm-1").waitFor();
    const isCut = await page
      .getByTestId("revoke-token-dialog")
      .evaluate((dialog) => dialog.scrollWidth > dialog.clientWidth);
    expect(isCut, "a dialog is as wide as its text, wherever its button stands").toBe(false);
    await page.getByTestId("revoke-token-dialog-confirm").click();
    await page.getByTestId("revoke-token-dialog").waitFor({ state: "detached" });
    const { agentTokens } = await api.clients.tokens.listAgentTokens({ agentPool: pool });
    expect(agentTokens.find(({ id }) => id === token)?.active).toBe(false);
    await page.getByTestId("ended-tokens").click();
    await page.getByTestId("replaced").getByText("Revoked").waitFor();
    expect(new URL(page.url()).search).toBe("?ended=1");
  });

  test("a drained agent leaves while its page is shown", async () => {
    const { api } = stage.server;
    const other = await api.pool();
    await stage.scene.agent(stage.server, { pool: other, name: "vm-2" });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default/agents/vm-2");
    await page.getByTestId("drain-agent").click();
    await page.getByTestId("drain-agent-dialog-confirm").click();
    await page.getByText("Exited", { exact: true }).waitFor();
    await api.agentWhen("vm-2", AgentStatus.EXITED);
  });

  test("the queue says why a job waits, and shows the last hour", async () => {
    const { api } = stage.server;
    const lonely = await api.pool();
    const workspace = await api.workspace({ agentPool: lonely });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    await api.start(workspace);
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/pools/${lonely}/queue`);
    await page.getByTestId("queue-row").getByText("No agent online").waitFor();
    await page.getByRole("img", { name: /Jobs: .* queued/ }).waitFor();
    expect(await page.locator("canvas").count()).toBe(2);
    expect(somebody.complaints).toEqual([]);
  });
});
