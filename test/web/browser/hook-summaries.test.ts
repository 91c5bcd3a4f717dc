import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser } from "../../support/visitor.ts";

describe.skipIf(!hasBrowser)("what hooks say, in the browser", () => {
  const stage = useStage();
  const browser = useBrowser();

  test("is shown on the run as the text that it is, and told by the command line too", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const hooks = join(scene.directory, "hooks");
    await mkdir(join(hooks, "post-plan.d"), { recursive: true });
    const script =
      "#!/bin/sh\nprintf '# Cost\\n<img src=x onerror=alert(1)> [a](javascript:alert(1))\\n' > $WINDLASS_SUMMARY\nexit 10\n";
    await writeFile(join(hooks, "post-plan.d/cost"), script);
    await chmod(join(hooks, "post-plan.d/cost"), 0o755);
    const pool = await api.pool();
    await scene.agent(server, { pool, args: ["--hooks-dir", hooks] });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await scene.configuration("hello"));
    const { id, deniedBy } = await api.planned(workspace);
    expect(deniedBy).toBe("post-plan.d/cost");
    await using somebody = await browser.admin(server);
    await somebody.open(`/o/default/runs/${id}`);
    const shown = somebody.page.getByTestId("hook-summaries");
    await shown.getByText("post-plan.d/cost").waitFor();
    await shown.getByText("exit code 10").waitFor();
    expect(await shown.locator("pre").textContent()).toBe(
      "# Cost\n<img src=x onerror=alert(1)> [a](javascript:alert(1))\n",
    );
    expect(await shown.locator("img, a").count()).toBe(0);
    expect(somebody.complaints).toEqual([]);
    const told = await scene.cli(server, ["run", "get", id]);
    expect(told.stdout).toMatch(
      /Plan's hook: +post-plan\.d\/cost \(SHA-256 [0-9a-f]{12}\): exit code 10\n {4}# Cost\n {4}<img src=x .*\n/,
    );
  });
});
