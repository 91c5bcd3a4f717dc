import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";

const id = (prefix: string) => `${prefix}_01h455vb4pex5vsknk084sn02q`;
const site = "https://windlass.example.com";
const missing = () => {
  throw new ConnectError("it does not exist", Code.NotFound);
};

let web: { readonly hasWeb?: boolean; readonly publicUrl?: string };
let organizations: string[];
const server = new FakeServer((router: ConnectRouter) => {
  router.service(SystemService, { getServerInfo: () => web, whoAmI: () => ({ organizations }) });
  router.service(RunService, {
    getRun: ({ runId }) => ({ run: { id: runId, organization: "acme" } }),
    listRuns: () => ({ runs: [{ id: id("run"), organization: "acme" }] }),
  });
  router.service(WorkspaceService, {
    getWorkspace: ({ workspace }) =>
      workspace === "net" || workspace === id("ws") ? { workspace: { name: "net", organization: "acme" } } : missing(),
  });
  router.service(AgentPoolService, {
    getAgentPool: ({ agentPool }) =>
      agentPool === "prod" || agentPool === id("apool")
        ? { agentPool: { id: id("apool"), name: "prod", organization: "a b" } }
        : missing(),
  });
  router.service(AgentService, { getAgent: ({ agent }) => ({ agent: { id: agent, organization: "acme" } }) });
});
let directory: string;
beforeAll(async () => {
  await server.start();
  directory = await mkdtemp(join(tmpdir(), "windlass-open-"));
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  web = { hasWeb: true, publicUrl: site };
  organizations = ["acme"];
});

const open = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  runCli(["open", ...words], {
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", ...environment },
  });

describe("the page of", () => {
  test.each([
    [[], "/o/acme"],
    [[id("run")], `/o/acme/runs/${id("run")}`],
    [["net@latest"], `/o/acme/runs/${id("run")}`],
    [["net"], "/o/acme/ws/net"],
    [["workspace/net"], "/o/acme/ws/net"],
    [[id("ws")], "/o/acme/ws/net"],
    [["prod"], `/o/a%20b/pools/${id("apool")}`],
    [[id("apool")], `/o/a%20b/pools/${id("apool")}`],
    [[id("agent")], `/o/acme/agents/${id("agent")}`],
  ])("%j is %s", async (words, path) => {
    expect(await open([...words, "--print"])).toMatchObject({ exit: 0, stdout: `${site}${path}\n` });
  });

  test("nobody in particular, of somebody with several organizations, is the first one", async () => {
    organizations = ["acme", "rival"];
    expect((await open(["--print"])).stdout).toBe(`${site}/\n`);
    expect((await open(["--print", "--org", "rival"])).stdout).toBe(`${site}/o/rival\n`);
  });

  test("what is neither workspace nor pool is missing", async () => {
    const { exit, stdout, stderr } = await open(["ghost", "--print"]);
    expect([exit, stdout, stderr]).toEqual([3, "", expect.stringContaining('no workspace and no pool "ghost"')]);
  });
});

test("without a public URL it is where this program finds the server", async () => {
  web = { hasWeb: true };
  expect((await open(["net", "--print"])).stdout).toBe(`${server.address}/o/acme/ws/net\n`);
});

test("a server without a UI is told", async () => {
  web = {};
  const { exit, stdout, stderr } = await open([]);
  expect([stdout, stderr]).toEqual(["", expect.stringContaining("serves no UI")]);
  expect(exit).not.toBe(0);
});

test("programs get the address, and no browser", async () => {
  expect(JSON.parse((await open(["net", "-o", "json"], { DISPLAY: ":0", PATH: directory })).stdout)).toEqual({
    url: `${site}/o/acme/ws/net`,
  });
});

describe.skipIf(process.platform === "darwin")("the browser", () => {
  const browser = async (script: string) => {
    const path = join(directory, "xdg-open");
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  };
  const screen = () => ({ DISPLAY: ":0", PATH: `${directory}:/usr/bin:/bin` });

  test("is started with the address, which is told", async () => {
    const seen = join(directory, "seen");
    await browser(`echo "$@" > ${seen}`);
    const { exit, stdout, stderr } = await open(["net"], screen());
    expect([exit, stdout, stderr]).toEqual([0, "", `Opened ${site}/o/acme/ws/net\n`]);
    expect(await readFile(seen, "utf8")).toBe(`${site}/o/acme/ws/net\n`);
  });

  test("that does not start leaves the address", async () => {
    await browser("exit 3");
    const failed = await open(["net"], screen());
    expect(failed).toMatchObject({ exit: 0, stdout: `${site}/o/acme/ws/net\n` });
    expect(failed.stderr).toContain("xdg-open did not start a browser");
    const absent = await open(["net"], { DISPLAY: ":0", PATH: join(directory, "none") });
    expect(absent).toMatchObject({ exit: 0, stdout: `${site}/o/acme/ws/net\n` });
  });

  test("is not looked for where there is no screen", async () => {
    await browser("exit 3");
    const { exit, stdout, stderr } = await open(["net"], { PATH: screen().PATH });
    expect([exit, stdout, stderr]).toEqual([0, `${site}/o/acme/ws/net\n`, ""]);
  });
});
