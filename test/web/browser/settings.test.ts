import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("settings and the audit log in the browser", () => {
  const stage = useStage();
  const browser = useBrowser();

  test("a key is made, signs in, sees what its role may, is rotated and revoked", async () => {
    await using owner = await browser.admin(stage.server);
    await owner.open("/o/default/settings");
    await owner.page.getByTestId("create-key").first().click();
    await owner.page.getByTestId("key-name").fill("ana");
    await owner.page.getByTestId("key-role").selectOption("reader");
    await owner.page.getByTestId("create-key-dialog-submit").click();
    const secret = (await owner.page.getByTestId("secret").textContent()) ?? "";
    expect(secret).toMatch(/^wdl_usr_/);
    await owner.page.getByTestId("key-done").click();

    await using reader = await browser.visitor(stage.server);
    await reader.open("/login");
    await reader.page.getByTestId("api-key").fill(secret);
    await reader.page.getByTestId("sign-in").click();
    await reader.page.getByTestId("nav-pools").click();
    expect(await reader.page.getByTestId("create-pool").first().getAttribute("aria-disabled")).toBe("true");
    await reader.page.getByTestId("create-pool").first().focus();
    await reader.page.getByText("Your API key has the role reader: this needs operator").first().waitFor();
    await reader.page.getByTestId("nav-audit").click();
    await reader.page.getByText("this needs owner").waitFor();

    const row = owner.page.getByTestId("keys-row").filter({ hasText: "ana" });
    await row.getByTestId("rotate-key").click();
    await owner.page.getByTestId("rotate-key-dialog-submit").click();
    expect(await owner.page.getByTestId("secret").textContent()).not.toBe(secret);
    await owner.page.getByTestId("key-done").click();
    const rotated = row.filter({ hasText: "Rotated" });
    await rotated.getByText(/^still valid, ends in /).waitFor();
    await row.getByTestId("replaces").waitFor();
    await rotated.getByTestId("revoke-key").click();
    await owner.page.getByTestId("revoke-key-dialog-confirm").click();
    await reader.page.getByTestId("sign-in-again").waitFor();
    expect(await owner.page.content()).not.toContain(secret);
    expect(owner.complaints).toEqual([]);
  });

  test("the browsers of a key are listed, and the others are signed out", async () => {
    await using here = await browser.admin(stage.server);
    await using there = await browser.admin(stage.server);
    await there.open("/o/default/pools");
    await there.page.getByTestId("create-pool").first().waitFor();
    await here.open("/o/default/settings");
    await here.page.getByTestId("sessions").getByText("This browser ·").waitFor();
    await here.page.getByTestId("end-other-sessions").click();
    await there.page.getByTestId("sign-in-again").waitFor();
    await here.page.getByTestId("end-session").nth(1).waitFor({ state: "detached" });
    expect(here.complaints).toEqual([]);
  });

  test("an organization is made, changed and deleted with its name typed", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default/settings/organizations");
    await page.getByTestId("create-organization").click();
    await page.getByTestId("create-organization-dialog").getByTestId("organization-name").fill("acme");
    await page.getByTestId("create-organization-dialog-submit").click();
    await page.getByRole("heading", { name: "Settings of acme" }).waitFor();
    await page.getByTestId("organization-max-agents").fill("many");
    expect(await page.getByTestId("edit-organization-save").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("organization-max-agents").fill("20");
    await page.getByTestId("edit-organization-save").click();
    await page.getByText("Saved").waitFor();
    const { organization } = await stage.server.api.clients.organizations.getOrganization({ organization: "acme" });
    expect(organization?.maxAgents).toBe(20);
    await page.getByTestId("delete-organization").click();
    await page.getByTestId("delete-organization-dialog-name").fill("acme");
    await page.getByTestId("delete-organization-dialog-confirm").click();
    await page.waitForURL("**/o/default");
    expect(somebody.complaints).toEqual([]);
  });

  test("mirrors and tokens of providers are set; a token never comes back", async () => {
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/settings/providers");
    await page.waitForURL("**/o/default/settings/providers");
    await page.getByTestId("add-source").click();
    await page.getByTestId("source-place-0").fill("https://mirror.example.com/providers/");
    await page.getByTestId("source-include-0").fill("hashicorp/*");
    await page.getByTestId("add-host").click();
    await page.getByTestId("host-0").fill("registry.example.com");
    await page.getByTestId("host-token-0").fill("a-secret-token");
    await page.getByTestId("save-providers").click();
    await page.getByText("Set. Empty keeps it.").waitFor();
    expect(await page.getByTestId("host-token-0").inputValue()).toBe("");
    await page.reload();
    await page.getByText("Set. Empty keeps it.").waitFor();
    expect(await page.getByTestId("source-place-0").inputValue()).toBe("https://mirror.example.com/providers/");
    expect(await page.content()).not.toContain("a-secret-token");
    expect(somebody.complaints).toEqual([]);
  });

  test("the audit log is filtered in the address, and downloaded as it is shown", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    await api.workspace();
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open("/o/default/audit");
    await page.getByTestId("audit-action").fill("pool.");
    await page.waitForURL("**/audit?action=pool.");
    await page.getByTestId("audit-row").filter({ hasText: pool }).getByText("pool.create").waitFor();
    await page.getByTestId("audit-row").filter({ hasText: "workspace.create" }).first().waitFor({ state: "detached" });
    await page.reload();
    expect(await page.getByTestId("audit-action").inputValue()).toBe("pool.");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("audit-csv").click()]);
    const csv = await readFile(await download.path(), "utf8");
    expect(csv).toContain("pool.create");
    expect(csv).not.toContain("workspace.create");
    expect(somebody.complaints).toEqual([]);
  });
});
