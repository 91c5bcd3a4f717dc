import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "../../support/api.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { plain, type TerraformCli } from "../../support/terraform-cli.ts";
import { type Mode, storages, type TerraformPlace, useTerraformStage } from "../../support/terraform-stage.ts";
import { until } from "../../support/until.ts";

/** An apply that goes on until a file is there, whatever its directory is. */
const waitingFor = (file: string) => ({
  "main.tf": `
resource "terraform_data" "before" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.before]
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = "while ! test -e ${file}; do sleep 0.1; done"
  }
}
`,
});
const quick = { "main.tf": 'resource "terraform_data" "one" {}\n' };
const pty = fileURLToPath(new URL("../../support/on_terminal.py", import.meta.url));
const asRuns: readonly Mode[] = ["remote", "agent"];
const patience = { deadlineMs: 60_000 };

interface SlowPlace extends TerraformPlace {
  /** Lets its applies come to their end. */
  end(): Promise<void>;
}

describeWithTerraform("terraform's own client waits", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });
    const start = ({ directory }: TerraformPlace, argv: readonly string[], input?: string) =>
      stage.terraform.start(directory, argv, input === undefined ? {} : { input });

    async function slow(mode: Mode, form?: "cloud" | "remote"): Promise<SlowPlace> {
      const file = join(stage.scene.directory, freshName("done"));
      const place = await stage.place(mode, waitingFor(file), form);
      return { ...place, end: () => writeFile(file, "") };
    }

    const isApplying = (workspace: string) =>
      until(
        "it applies",
        async () => (await stage.runsOf(workspace)).find(({ state }) => state === RunState.APPLYING),
        patience,
      );

    test.each([
      ["remote", "cloud"],
      ["agent", "remote"],
    ] as const)("behind another run, says so, and goes on when that has ended: %s, %s", async (mode, form) => {
      const place = await slow(mode, form);
      const first = start(place, ["apply", "-auto-approve"]);
      await isApplying(place.name);
      const second = start(place, ["apply", "-auto-approve"]);
      await second.says(/Waiting for 1 run\(s\) to finish before being queued/, 60_000);
      // What only plans does not wait.
      expect(await place.run("plan")).toContain("Plan: ");
      await place.end();
      expect(await first.ended).toMatchObject({ code: 0 });
      expect(await second.ended).toMatchObject({ code: 0 });
      const [, ...applies] = (await stage.runsOf(place.name)).map(({ state }) => state);
      expect(applies).toEqual([RunState.APPLIED, RunState.APPLIED]);
    });

    test.each(asRuns)("for a workspace that a person has locked; force-unlock opens it: %s", async (mode) => {
      const place = await stage.place(mode, quick);
      await stage.api.clients.workspaces.lockWorkspace({ workspace: place.name, reason: "moving" });
      const apply = start(place, ["apply", "-auto-approve"]);
      await apply.says(/Waiting for the manually locked workspace to be unlocked/, 60_000);
      const { organization } = stage.terraform;
      expect(await place.run("force-unlock", "-force", `${organization}/${place.name}`)).toMatch(/unlocked/);
      expect(await apply.ended).toMatchObject({ code: 0 });
      expect(await stage.terraform.fails(place.directory, ["force-unlock", "-force", "somebody/else"])).toMatch(
        /lock ID/,
      );
    });

    test.each(asRuns)("as long as -lock-timeout says, and cancels its run then: %s", async (mode) => {
      const place = await stage.place(mode, quick);
      await stage.api.clients.workspaces.lockWorkspace({ workspace: place.name, reason: "moving" });
      const apply = await stage.terraform.call(place.directory, ["apply", "-auto-approve", "-lock-timeout=3s"]);
      expect(apply.stdout).toMatch(/Lock timeout exceeded, sending interrupt to cancel the remote operation/);
      expect((await stage.runsOf(place.name))[0]).toMatchObject({ state: RunState.CANCELED });
    });

    test.each(asRuns)(
      "until it is interrupted: who has approved beforehand is not asked, and the run is canceled: %s",
      async (mode) => {
        const place = await slow(mode);
        const apply = start(place, ["apply", "-auto-approve"]);
        const run = await isApplying(place.name);
        await apply.says(/slow: Creating\.\.\./);
        apply.signal("SIGINT");
        await apply.ended;
        expect(plain(apply.stdout())).toContain("The remote operation was successfully cancelled.");
        expect(await stage.api.ended(run.id)).toMatchObject({ state: RunState.CANCELED });
        // What was made before is known.
        expect(await place.run("state", "list")).toContain("terraform_data.before");
      },
    );

    test.each([
      ["remote", "cloud"],
      ["agent", "remote"],
    ] as const)(
      "in the queue, and when it is interrupted there its run is canceled, not forgotten: %s, %s",
      async (mode, form) => {
        const place = await stage.place(mode, quick, form);
        await stage.api.clients.workspaces.lockWorkspace({ workspace: place.name, reason: "moving" });
        const apply = start(place, ["apply", "-auto-approve"]);
        await apply.says(/Waiting for the manually locked workspace/, 60_000);
        apply.signal("SIGINT");
        await apply.ended;
        expect(plain(apply.stdout())).toContain("The remote operation was successfully cancelled.");
        expect((await stage.runsOf(place.name))[0]).toMatchObject({ state: RunState.CANCELED });
      },
    );

    test("in the queue on a terminal, and asks whether to cancel", async () => {
      const place = await stage.place("remote", quick);
      await stage.api.clients.workspaces.lockWorkspace({ workspace: place.name, reason: "moving" });
      await using terminal = onTerminal(stage.terraform, place.directory, ["apply"]);
      await terminal.shows(/Waiting for the manually locked workspace/);
      terminal.type("\u0003");
      await terminal.shows(/Do you want to cancel the remote operation\?/);
      terminal.type("yes\n");
      await terminal.ended;
      expect((await stage.runsOf(place.name))[0]).toMatchObject({ state: RunState.CANCELED });
    });

    test("until it is interrupted: who cannot be asked leaves the run as it is", async () => {
      const place = await slow("remote");
      const apply = start(place, ["apply"], "yes\n");
      const run = await isApplying(place.name);
      await apply.says(/slow: Creating\.\.\./);
      apply.signal("SIGINT");
      await apply.ended;
      expect(await stage.api.run(run.id)).toMatchObject({ state: RunState.APPLYING });
      await place.end();
      expect(await stage.api.ended(run.id)).toMatchObject({ state: RunState.APPLIED });
    });

    test.each(asRuns)("and when it is killed the run goes on, and the next one finds all of it: %s", async (mode) => {
      const place = await slow(mode);
      const apply = start(place, ["apply", "-auto-approve"]);
      const run = await isApplying(place.name);
      await apply.says(/slow: Creating\.\.\./);
      apply.signal("SIGKILL");
      expect(await apply.ended).toMatchObject({ signal: "SIGKILL" });
      const next = start(place, ["apply", "-auto-approve"]);
      await next.says(/Waiting for 1 run\(s\)/, 60_000);
      await place.end();
      expect(await stage.api.ended(run.id)).toMatchObject({ state: RunState.APPLIED });
      expect(await next.ended).toMatchObject({ code: 0 });
      // Only what is due each time is made anew.
      expect(plain(next.stdout())).toContain("1 added, 0 changed, 1 destroyed");
    });

    test.each([
      ["yes", "The remote operation was successfully cancelled.", RunState.CANCELED, "remote"],
      ["no", "The remote operation was not cancelled.", RunState.APPLIED, "agent"],
    ] as const)("until it is interrupted on a terminal, and asks: %s", async (answer, said, state, mode) => {
      const place = await slow(mode);
      await using terminal = onTerminal(stage.terraform, place.directory, ["apply"]);
      await terminal.shows(/Enter a value:/);
      terminal.type("yes\n");
      const run = await isApplying(place.name);
      await terminal.shows(/slow: Creating\.\.\./);
      terminal.type("\u0003");
      await terminal.shows(/Do you want to cancel the remote operation\?/);
      terminal.type(`${answer}\n`);
      await terminal.ended;
      expect(plain(terminal.shown())).toContain(said);
      if (state === RunState.APPLIED) await place.end();
      expect(await stage.api.ended(run.id)).toMatchObject({ state });
    });
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
