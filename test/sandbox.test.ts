import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { describeWithSandbox } from "./support/agent/sandbox-here.ts";
import { freshName } from "./support/api.ts";
import { processesIn } from "./support/leftovers.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const stage = useStage({ serverAgents: 1, args: ["--sandbox", "auto"] });
const finds = /\(local-exec\): (token in|wrote: )/;

const environmentOf = async (pid: number) => (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");

/** An agent that gets its token as its environment, as containers give it. */
async function agentWithVariable(...args: readonly string[]) {
  const { api, url } = stage.server;
  const pool = await api.pool();
  const { secret } = await api.token(pool);
  const name = freshName("agent");
  const dataDir = join(stage.scene.directory, name);
  const call = [
    ...["--address", url, "--name", name, "--data-dir", dataDir, "--log-format", "json"],
    ...["--min-free-disk", "1MiB", "--disk-reserve", "1MiB", ...args],
  ];
  const program = stage.scene.start("windlass-agent", call, { WINDLASS_AGENT_TOKEN: secret });
  await program.says(/waiting for next job/);
  return { pool, secret, name, dataDir, program };
}

async function hostileRun(workspace: string, directory: string, attacks: Readonly<Record<string, string>> = {}) {
  const { api } = stage.server;
  const given = { data_dir: directory, token_file: join(directory, "admin-token"), ...attacks };
  await api.set(
    workspace,
    Object.entries(given).map(([key, value]) => ({ key, value })),
  );
  await api.upload(workspace, await stage.scene.configuration("hostile"));
  const run = await api.applied(workspace);
  expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  return (await api.log(run.id, RunPhase.APPLY)).text;
}

test("a token that came by the environment is not there any more, and no argument holds it", async () => {
  const { pool, secret, program, dataDir } = await agentWithVariable("--sandbox", "none");
  expect(program.isRunning).toBe(true);
  const environment = await environmentOf(program.pid);
  expect(environment.join()).not.toContain(secret.slice(8));
  expect(environment).toContain("WINDLASS_AGENT_TOKEN_FILE=/dev/fd/3");
  expect(await readFile(`/proc/${program.pid}/cmdline`, "utf8")).not.toContain(secret.slice(8));
  const workspace = await stage.server.api.workspace({ agentPool: pool });
  expect(await hostileRun(workspace, dataDir, { directories: "" })).not.toContain("(local-exec): token in variable");
});

describeWithSandbox("in the sandbox", () => {
  test("a hostile configuration reaches nothing of its agent, and people see that there is one", async () => {
    const { api } = stage.server;
    const { pool, name, dataDir } = await agentWithVariable("--sandbox", "auto");
    const shown = await stage.scene.cli(stage.server, ["agent", "get", name]);
    expect(shown.stdout).toMatch(/Sandbox:\s+bwrap/);
    const attacks = { directories: `${dataDir} /tmp /root /home /var`, write_to: `/usr /etc ${dataDir}` };
    const log = await hostileRun(await api.workspace({ agentPool: pool }), dataDir, attacks);
    expect(log).toContain("probed");
    expect(log).not.toMatch(finds);
    expect(log).toMatch(/processes visible: [1-5]\b/);
  });

  test("a hostile configuration reaches nothing of the control plane that runs it", async () => {
    const { dataDir } = stage.server;
    const attacks = { directories: `${dataDir} /tmp /root /home /var`, write_to: `/usr /etc ${dataDir}` };
    const log = await hostileRun(await stage.server.api.workspace(), dataDir, attacks);
    expect(log).toContain("probed");
    expect(log).not.toMatch(finds);
  });

  test("an apply survives its agent, and is not done twice", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const agent = await stage.scene.agent(stage.server, { pool, args: ["--sandbox", "bwrap"] });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("slow"));
    const variables = [{ key: "seconds", value: "6", hcl: true }];
    const id = await api.start(workspace, { autoApply: true, variables });
    const shows = async (text: string) => (await api.log(id, RunPhase.APPLY, false)).text.includes(text);
    await until("terraform prints", () => shows("second 2 of"), { deadlineMs: 40_000 });
    await agent.stop("SIGKILL");
    expect(processesIn(agent.dataDir).length).toBeGreaterThan(0);
    await agent.start();
    expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    const { text } = await api.log(id, RunPhase.APPLY);
    expect(text.match(/Apply complete!/g)).toHaveLength(1);
    expect(processesIn(agent.dataDir).filter(({ pid }) => pid !== agent.program.pid)).toEqual([]);
  });
});
