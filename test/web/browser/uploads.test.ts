import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunSource } from "../../../src/gen/windlass/v1/run_pb.ts";
import { entry, noise, tar } from "../../support/archive.ts";
import { useStage } from "../../support/stage.ts";
import { hasBrowser, useBrowser, violationsOf } from "../../support/visitor.ts";

const hello = 'output "greeting" {\n  value = "hello"\n}\n';
const archive = (name: string, buffer: Buffer) => ({ name, mimeType: "application/gzip", buffer });

describe.skipIf(!hasBrowser)("configurations that are uploaded in the browser", () => {
  const stage = useStage({ args: ["--max-config-size", "3MiB"] });
  const browser = useBrowser();
  let pool = "";
  let folder = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-7" });
    folder = join(stage.scene.directory, "network");
    const files = {
      "main.tf": hello,
      ".terraformignore": "*.secret\n",
      "a.secret": "no",
      ".terraform/providers/large": noise(4 * 1024 * 1024, 7),
      ".git/HEAD": "ref",
      "terraform.tfstate": "{}",
      [`modules/${"deep/".repeat(25)}main.tf`]: hello,
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), content);
    }
  });

  test("a folder is packed without what stays at home, and the first run of a workspace starts with it", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}`);
    await page.getByTestId("workspace-start-run").click();
    const dialog = page.getByTestId("start-run-dialog");
    await dialog.getByText("At most 3.0 MiB packed").waitFor();
    expect(await page.getByTestId("start-run").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("upload-folder-input").setInputFiles(folder);
    await page.getByTestId("upload-done").getByText("3 files").waitFor();
    await page.getByTestId("upload-done").getByText("1 file left out by .terraformignore").waitFor();
    expect(await violationsOf(page)).toEqual([]);
    const [stored] = (await api.clients.configurations.listConfigurations({ workspace })).configurationVersions;
    expect(await page.getByTestId("run-configuration").inputValue()).toBe(stored?.id);
    await page.getByTestId("start-run").click();
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    const [run] = (await api.clients.runs.listRuns({ workspace, sources: [RunSource.BROWSER] })).runs;
    expect(run?.configurationVersionId).toBe(stored?.id);
    expect(somebody.complaints).toEqual([]);
  });

  test("an archive is uploaded on the workspace's page, and leads to a run with it", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}`);
    await page.getByTestId("workspace-upload").click();
    expect(await page.getByTestId("upload-cli").textContent()).toContain(`windlass upload . -w ${workspace}`);
    const large = tar(entry({ name: "main.tf", body: hello }), entry({ name: "large", body: noise(2_000_000, 3) }));
    await page.getByTestId("upload-archive-input").setInputFiles(archive("net.tar.gz", large));
    await page.getByTestId("upload-done").getByText("2 files").waitFor();
    await page.getByTestId("upload-start-run").click();
    const [stored] = (await api.clients.configurations.listConfigurations({ workspace })).configurationVersions;
    expect(stored?.sizeBytes).toBe(BigInt(large.length));
    await expect.poll(() => page.getByTestId("run-configuration").inputValue()).toBe(stored?.id);
    await page.getByTestId("start-run").click();
    await page.getByTestId("run-badge").getByText("Needs confirmation").waitFor();
    expect(somebody.complaints).toEqual([]);
  });

  test("what cannot be used is refused before anything is sent; what the server refuses is said beside it", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, workingDirectory: "live" });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    const parts: string[] = [];
    page.on("request", (request) => request.url().endsWith("/UploadPart") && parts.push(request.url()));
    await somebody.open(`/o/default/ws/${workspace}`);
    await page.getByTestId("workspace-upload").click();
    const refused = page.getByTestId("upload-refused");
    await page.getByTestId("upload-folder-input").setInputFiles(folder);
    await refused.getByText("The workspace runs in live, and network has no such directory").waitFor();
    await page.getByTestId("upload-archive-input").setInputFiles(archive("big.tar.gz", noise(4 * 1024 * 1024, 1)));
    await refused.getByText("big.tar.gz has 4.0 MiB: at most 3.0 MiB are taken").waitFor();
    expect(parts).toEqual([]);
    await page.getByTestId("upload-archive-input").setInputFiles(archive("x.tar.gz", Buffer.from("<b>no archive</b>")));
    await page.getByTestId("error").getByText("expected a gzipped tar").waitFor();
    expect(parts.length).toBeGreaterThan(0);
    expect((await api.clients.configurations.listConfigurations({ workspace })).configurationVersions).toEqual([]);
  });

  test("an upload says how far it is, can be ended, and goes on where it stopped", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await using somebody = await browser.admin(stage.server);
    const { page } = somebody;
    await somebody.open(`/o/default/ws/${workspace}`);
    const offsets: number[] = [];
    const held = Promise.withResolvers<void>();
    await page.route("**/UploadPart", async (route) => {
      offsets.push(route.request().postDataBuffer()?.length ?? 0);
      if (offsets.length > 4) await held.promise;
      await route.continue().catch(() => {});
    });
    await page.getByTestId("workspace-upload").click();
    const large = tar(entry({ name: "main.tf", body: hello }), entry({ name: "large", body: noise(2_000_000, 9) }));
    const whole = Math.ceil(large.length / (256 * 1024));
    await page.getByTestId("upload-archive-input").setInputFiles(archive("net.tar.gz", large));
    await page.getByTestId("upload-progress").getByText("Sending 768 KiB of 1.9 MiB").waitFor();
    expect(await page.getByTestId("upload-folder").getAttribute("aria-disabled")).toBe("true");
    await page.getByTestId("upload-cancel").click();
    await page.getByTestId("upload-progress").waitFor({ state: "detached" });
    held.resolve();
    expect((await api.clients.configurations.listConfigurations({ workspace })).configurationVersions).toEqual([]);
    const before = offsets.length;
    await page.getByTestId("upload-archive-input").setInputFiles(archive("net.tar.gz", large));
    await page.getByTestId("upload-done").waitFor();
    // One call asks what is there.
    expect(offsets.length - before).toBeLessThan(whole + 1);
  });
});
