import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freshName } from "../../support/api.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { plain } from "../../support/terraform-cli.ts";
import { storages, useTerraformStage } from "../../support/terraform-stage.ts";
import { until } from "../../support/until.ts";

const quick = { "main.tf": 'resource "terraform_data" "one" {}\n' };

/** An apply that makes one thing, and goes on until a file is there. */
const slowly = (file: string) => ({
  "main.tf": `
resource "terraform_data" "before" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.before]
  provisioner "local-exec" {
    command = "while ! test -e ${file}; do sleep 0.1; done"
  }
}
`,
});

describeWithTerraform("applies on the machine of terraform's own client", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });

    async function slow(form?: "cloud" | "remote") {
      const file = join(stage.scene.directory, freshName("done"));
      const place = await stage.place("local", slowly(file), form);
      const apply = stage.terraform.start(place.directory, ["apply", "-auto-approve"]);
      await apply.says(/slow: Creating\.\.\./);
      return { ...place, apply, end: () => writeFile(file, "") };
    }

    test.each(["cloud", "remote"] as const)("hold the workspace meanwhile, and say who has it: %s", async (form) => {
      const { name, directory, run, apply, end } = await slow(form);
      expect((await stage.api.getWorkspace(name)).lock?.reason).toBe("Locked by Terraform");
      expect(await stage.terraform.fails(directory, ["apply", "-auto-approve"])).toMatch(
        /Error acquiring the state lock/,
      );
      const patient = stage.terraform.start(directory, ["plan", "-lock-timeout=60s"]);
      await end();
      expect(await apply.ended).toMatchObject({ code: 0 });
      expect(await patient.ended).toMatchObject({ code: 0 });
      expect(plain(patient.stdout())).toContain("No changes.");
      expect(await run("state", "list")).toContain("terraform_data.slow");
      expect((await stage.api.getWorkspace(name)).lock).toBeUndefined();
    });

    test("that are interrupted keep what they have made, and leave the workspace free", async () => {
      const { name, run, apply, end } = await slow();
      apply.signal("SIGINT");
      await apply.says(/Interrupt received/);
      await end();
      await apply.ended;
      expect(await run("state", "list")).toContain("terraform_data.before");
      expect((await stage.api.getWorkspace(name)).lock).toBeUndefined();
    });

    test.each(["cloud", "remote"] as const)(
      "that are killed leave it locked, until force-unlock opens it: %s",
      async (form) => {
        const { name, directory, run, apply, end } = await slow(form);
        apply.signal("SIGKILL");
        await apply.ended;
        await end();
        expect(await stage.terraform.fails(directory, ["plan"])).toMatch(/Error acquiring the state lock/);
        await run("force-unlock", "-force", `${stage.terraform.organization}/${name}`);
        expect((await stage.api.getWorkspace(name)).lock).toBeUndefined();
        expect(await run("apply", "-auto-approve")).toContain("2 added");
      },
    );

    test("bring their states while they go on", async () => {
      const place = await stage.place("local", {
        "main.tf": `
# The client counts from the first change on, and brings a state at one that comes 20 s later.
resource "terraform_data" "at_once" {}
resource "terraform_data" "first" {
  depends_on = [terraform_data.at_once]
  provisioner "local-exec" {
    command = "sleep 21"
  }
}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "while ! test -e done; do sleep 0.1; done"
  }
}
`,
      });
      const apply = stage.terraform.start(place.directory, ["apply", "-auto-approve"]);
      const seen = async () => {
        const state = await stage.api.state(place.name).catch(() => undefined);
        return (state?.resources.length ?? 0) > 0;
      };
      await until("a state of an apply that goes on", seen, { deadlineMs: 60_000, everyMs: 500 });
      expect(apply.isRunning).toBe(true);
      await stage.terraform.write(place.directory, { done: "" });
      expect(await apply.ended).toMatchObject({ code: 0 });
      expect((await stage.api.state(place.name)).resources).toHaveLength(3);
    });

    test("are for a while where TF_FORCE_LOCAL_BACKEND says so, whatever the workspace says", async () => {
      const { name, directory } = await stage.place("remote", quick);
      const env = { TF_FORCE_LOCAL_BACKEND: "1" };
      const said = await stage.terraform.run(directory, ["apply", "-auto-approve"], { env });
      expect(said).toContain("Resources: 1 added");
      expect(await stage.runsOf(name)).toEqual([]);
      expect((await stage.api.state(name)).resources).toHaveLength(1);
    });
  });

  // What the client does without a word to the server about it: one engine of storage tells all.
  describe("without the server", () => {
    const stage = useTerraformStage();

    test("are checked, drawn, and tested", async () => {
      const { name, directory, run } = await stage.place("remote", {
        ...quick,
        "one.tftest.hcl":
          'run "makes_one" {\n  assert {\n    condition     = terraform_data.one.id != ""\n    error_message = "there is none"\n  }\n}\n',
      });
      expect(await run("validate")).toContain("The configuration is valid.");
      expect(await run("graph")).toContain("terraform_data.one");
      expect(await run("providers")).toContain("terraform.io/builtin/terraform");
      expect(await run("test")).toContain("1 passed, 0 failed");
      expect(await stage.runsOf(name)).toEqual([]);
      const remote = `-cloud-run=${stage.terraform.host}/${stage.terraform.organization}/one/test`;
      expect(await stage.terraform.fails(directory, ["test", remote])).toMatch(/Error/);
    });
  });
});
