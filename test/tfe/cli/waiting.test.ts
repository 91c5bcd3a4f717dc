import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "../../support/api.ts";
import { useStage } from "../../support/stage.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { plain, TerraformCli } from "../../support/terraform-cli.ts";
import { until } from "../../support/until.ts";

/** An apply that goes on until a file is there, whatever its directory is. */
const waitingFor = (file: string) => ({
  "main.tf": `
resource "terraform_data" "slow" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = "while ! test -e ${file}; do sleep 0.1; done"
  }
}
`,
});
const quick = { "main.tf": 'resource "terraform_data" "one" {}\n' };
const pty = fileURLToPath(new URL("../../support/on_terminal.py", import.meta.url));

describeWithTerraform("terraform's own client waits", () => {
  const stage = useStage({ serverAgents: 3 });
  let terraform: TerraformCli;
  beforeAll(async () => {
    terraform = await TerraformCli.open(stage.scene, stage.server);
  });
  const runsOf = async (workspace: string) => (await stage.server.api.clients.runs.listRuns({ workspace })).runs;

  async function applying(): Promise<{ name: string; directory: string; end: () => Promise<void> }> {
    const name = freshName("ws");
    const file = join(stage.scene.directory, freshName("done"));
    const directory = await terraform.initialized(name, waitingFor(file));
    return { name, directory, end: () => writeFile(file, "") };
  }

  test("behind another run, says so, and goes on when that has ended", async () => {
    const { name, directory, end } = await applying();
    const first = terraform.start(directory, ["apply", "-auto-approve"]);
    await until("the first applies", async () => (await runsOf(name))[0]?.state === RunState.APPLYING, {
      deadlineMs: 60_000,
    });
    const second = terraform.start(directory, ["apply", "-auto-approve"]);
    await second.says(/Waiting for 1 run\(s\) to finish before being queued/, 60_000);
    await end();
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(await second.ended).toMatchObject({ code: 0 });
    expect((await runsOf(name)).map(({ state }) => state)).toEqual([RunState.APPLIED, RunState.APPLIED]);
  });

  test("for a workspace that a person has locked; force-unlock opens it", async () => {
    const name = freshName("ws");
    const directory = await terraform.initialized(name, quick);
    await stage.server.api.clients.workspaces.lockWorkspace({ workspace: name, reason: "moving" });
    const apply = terraform.start(directory, ["apply", "-auto-approve"]);
    await apply.says(/Waiting for the manually locked workspace to be unlocked/, 60_000);
    expect(await terraform.run(directory, ["force-unlock", "-force", `${terraform.organization}/${name}`])).toMatch(
      /unlocked/,
    );
    expect(await apply.ended).toMatchObject({ code: 0 });
    expect(await terraform.fails(directory, ["force-unlock", "-force", "somebody/else"])).toMatch(/lock ID/);
  });

  const isApplying = (workspace: string) =>
    until("it applies", async () => (await runsOf(workspace)).find(({ state }) => state === RunState.APPLYING), {
      deadlineMs: 60_000,
    });

  test("until it is interrupted: who has approved beforehand is not asked, and the run is canceled", async () => {
    const { name, directory } = await applying();
    const apply = terraform.start(directory, ["apply", "-auto-approve"]);
    const run = await isApplying(name);
    await apply.says(/Creating\.\.\./);
    apply.signal("SIGINT");
    await apply.ended;
    expect(plain(apply.stdout())).toContain("The remote operation was successfully cancelled.");
    expect(await stage.server.api.ended(run.id)).toMatchObject({ state: RunState.CANCELED });
  });

  test("until it is interrupted: who cannot be asked leaves the run as it is", async () => {
    const { name, directory, end } = await applying();
    const apply = terraform.start(directory, ["apply"], { input: "yes\n" });
    const run = await isApplying(name);
    await apply.says(/Creating\.\.\./);
    apply.signal("SIGINT");
    await apply.ended;
    expect(await stage.server.api.run(run.id)).toMatchObject({ state: RunState.APPLYING });
    await end();
    expect(await stage.server.api.ended(run.id)).toMatchObject({ state: RunState.APPLIED });
  });

  test.each([
    ["yes", "The remote operation was successfully cancelled.", RunState.CANCELED],
    ["no", "The remote operation was not cancelled.", RunState.APPLIED],
  ])("until it is interrupted on a terminal, and asks: %s", async (answer, said, state) => {
    const { name, directory, end } = await applying();
    await using terminal = onTerminal(terraform, directory, ["apply"]);
    await terminal.shows(/Enter a value:/);
    terminal.type("yes\n");
    const run = await isApplying(name);
    await terminal.shows(/Creating\.\.\./);
    terminal.type("\u0003");
    await terminal.shows(/Do you want to cancel the remote operation\?/);
    terminal.type(`${answer}\n`);
    await terminal.ended;
    expect(plain(terminal.shown())).toContain(said);
    if (state === RunState.APPLIED) await end();
    expect(await stage.server.api.ended(run.id)).toMatchObject({ state });
  });
});

function onTerminal(terraform: TerraformCli, directory: string, argv: readonly string[]) {
  const { env, command, cwd } = terraform.callOf(directory);
  const child = spawn("python3", [pty, "120", command, ...argv], {
    env: { PATH: process.env.PATH ?? "", ...env },
    cwd,
  });
  let shown = "";
  child.stdout.on("data", (text) => {
    shown += text;
  });
  const ended = once(child, "close");
  return {
    ended,
    shown: () => shown,
    type: (keys: string) => void child.stdin.write(keys),
    shows: (pattern: RegExp) =>
      until(`it shows ${pattern}`, () => pattern.test(shown), { deadlineMs: 60_000, seen: () => shown }),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
