import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Run, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { hasPostgres } from "./postgres.ts";
import type { Program } from "./support/programs.ts";
import type { TestAgent } from "./support/scene.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

async function metricsOf(program: Program): Promise<string> {
  const [, url] = await program.says(/"url":"([^"]+)"[^\n]*metrics, \/healthz and \/readyz are served/);
  return (await fetch(`${url}/metrics`)).text();
}

/** An apply that leaves a link where its state should be: nobody can take it. */
const spoiled = `
module "inner" {
  source = "./inner"
}
resource "terraform_data" "spoiler" {
  depends_on = [module.inner]
  provisioner "local-exec" {
    command = "rm -f ../state/terraform.tfstate; ln -s moved.tfstate ../state/terraform.tfstate; chmod 0555 .terraform"
  }
}
`;

const rules = (storage: "sqlite" | "postgres") => {
  const stage = useStage({ engine: storage, args: ["--metrics-listen", "127.0.0.1:0"] });
  let pool = "";
  let agent: TestAgent;

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    agent = await stage.scene.agent(stage.server, { pool, args: ["--http-listen", "127.0.0.1:0"] });
  });

  /** An apply whose directory is kept, as the run tells it. */
  async function keptRun(): Promise<Run> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const directory = join(stage.scene.directory, workspace);
    await mkdir(join(directory, "inner"), { recursive: true });
    await writeFile(join(directory, "main.tf"), spoiled);
    await writeFile(join(directory, "inner", "main.tf"), `resource "terraform_data" "one" {}\n`);
    await api.upload(workspace, directory);
    const { id, state } = await api.applied(workspace);
    expect(state).toBe(RunState.ERRORED);
    const isTold = (run: Run) => run.keptDirectories.some(({ sizeBytes }) => sizeBytes > 0n);
    return api.runWhen(id, "says what is kept of it", isTold, { deadlineMs: 40_000 });
  }

  const keptOf = async () =>
    (await stage.server.api.clients.agents.getAgent({ agent: agent.name })).agent?.keptDirectories ?? [];
  const cli = async (...args: string[]) => {
    const answer = await stage.scene.cli(stage.server, args);
    expect([args, answer.code, answer.stderr]).toEqual([args, 0, expect.anything()]);
    return answer.stdout;
  };

  test("one is told by run, agent and metric, without what can be had again, and removed on demand", async () => {
    const run = await keptRun();
    const [kept] = run.keptDirectories;
    expect(kept).toMatchObject({ agent: agent.name, runId: run.id, workspace: run.workspace, removing: false });
    const path = kept?.path ?? "";
    expect(path).toContain(join(agent.dataDir, "jobs"));
    expect(await readdir(join(path, "work"))).toEqual(["config", "plan.tfplan", "state"]);
    expect(existsSync(join(path, "work", "config", ".terraform"))).toBe(false);
    expect(existsSync(join(path, "journal"))).toBe(true);
    expect(await cli("run", "get", run.id)).toContain(`Kept on agent ${agent.name}:`);
    expect(await cli("agent", "get", agent.name)).toContain(path);
    expect(await cli("agent", "list")).toContain("keeps 1 job directory");
    expect(await cli("agent", "kept", "-o", "name")).toBe(`kept/${kept?.jobId}\n`);
    expect(await metricsOf(agent.program)).toContain("windlass_agent_kept_directories 1");
    const ofServer = `windlass_kept_directories{organization="default",pool="${pool}"} 1`;
    expect(await metricsOf(stage.server.program)).toContain(ofServer);
    await cli("agent", "remove-kept", agent.name, `kept/${kept?.jobId}`, "--yes");
    await until("it is not told any more", async () => (await keptOf()).length === 0, { deadlineMs: 30_000 });
    expect(existsSync(path)).toBe(false);
    expect((await stage.server.api.run(run.id)).keptDirectories).toEqual([]);
  });

  test("one of an agent that is away is removed when the agent comes back", async () => {
    const path = (await keptRun()).keptDirectories[0]?.path ?? "";
    await agent.stop("SIGKILL");
    expect(await cli("agent", "remove-kept", agent.name, "--all", "--yes")).toContain("removes 1 job directory");
    expect(await keptOf()).toMatchObject([{ removing: true }]);
    expect(existsSync(path)).toBe(true);
    await agent.start();
    await until("it is not told any more", async () => (await keptOf()).length === 0, { deadlineMs: 30_000 });
    expect(existsSync(path)).toBe(false);
  });

  test("removing is refused where nobody can be asked, and for what is not kept", async () => {
    const { jobId } = (await keptRun()).keptDirectories[0] ?? { jobId: "" };
    const refused = await stage.scene.cli(stage.server, ["agent", "remove-kept", agent.name, jobId]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("What only they hold is lost")]);
    const unknown = await stage.scene.cli(stage.server, ["agent", "remove-kept", agent.name, "job_x", "--yes"]);
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining("keeps no directory of job job_x")]);
    await cli("agent", "remove-kept", agent.name, "--all", "--yes");
    await until("it is not told any more", async () => (await keptOf()).length === 0, { deadlineMs: 30_000 });
  });
};

describe("kept directories, on SQLite", () => rules("sqlite"));
describe.skipIf(!hasPostgres)("kept directories, on PostgreSQL", () => rules("postgres"));
