import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { RunSource, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { hasPostgres } from "../../postgres.ts";
import { freshName } from "../../support/api.ts";
import { useStage } from "../../support/stage.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";

const two = {
  "main.tf": `
variable "who" {
  default = "nobody"
}
resource "terraform_data" "one" {
  input = var.who
}
resource "terraform_data" "two" {
  input = 2
}
output "greeting" {
  value = "hello, \${var.who}"
}
`,
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: for terraform it is one
const template = "${x}";

const engines = hasPostgres ? (["sqlite", "postgres"] as const) : (["sqlite"] as const);

describeWithTerraform("runs of terraform's own client", () => {
  describe.each(engines)("on %s", (engine) => {
    const stage = useStage({ engine, serverAgents: 2 });
    let terraform: TerraformCli;
    beforeAll(async () => {
      terraform = await TerraformCli.open(stage.scene, stage.server);
    });
    const runsOf = async (workspace: string) => (await stage.server.api.clients.runs.listRuns({ workspace })).runs;

    test.each(["cloud", "remote"] as const)(
      "with %s: plan, apply after a yes, output, no changes, destroy",
      async (form) => {
        const name = freshName("ws");
        const directory = await terraform.initialized(name, two, form);
        const plan = await terraform.run(directory, ["plan"]);
        expect(plan).toContain("Plan: 2 to add, 0 to change, 0 to destroy.");
        expect(plan).toMatch(new RegExp(`https://${terraform.host}/app/${terraform.organization}/${name}/runs/run-`));
        const applied = await terraform.run(directory, ["apply"], { input: "yes\n" });
        expect(applied).toContain("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.");
        // The log of an apply goes on where that of the plan ended: its heading is said once.
        expect(applied.match(/Initializing plugins and modules/g) ?? []).toHaveLength(1);
        expect(await terraform.run(directory, ["output", "-raw", "greeting"])).toBe("hello, nobody");
        expect(await terraform.run(directory, ["plan"])).toContain("No changes.");
        expect(await terraform.run(directory, ["destroy", "-auto-approve"])).toContain(
          "Resources: 0 added, 0 changed, 2 destroyed.",
        );
        const [destroyed, ...before] = await runsOf(name);
        expect(destroyed).toMatchObject({ state: RunState.APPLIED, options: { destroy: true } });
        expect(before.map(({ state }) => state)).toEqual([
          ...[RunState.PLANNED_AND_FINISHED, RunState.APPLIED, RunState.PLANNED_AND_FINISHED],
        ]);
        expect(destroyed?.source).not.toBe(RunSource.UNSPECIFIED);
      },
    );

    test("options of plans reach terraform", async () => {
      const directory = await terraform.initialized(freshName("ws"), {
        ...two,
        "given.tfvars": 'who = "file"\n',
      });
      const plan = (...argv: string[]) => terraform.run(directory, ["plan", ...argv]);
      expect(await plan("-target=terraform_data.two")).toContain("Plan: 1 to add");
      expect(await plan(`-var=who="quoted" ${template}`)).toContain(`hello, \\"quoted\\" ${template}`);
      expect(await plan("-var-file=given.tfvars")).toContain("hello, file");
      await terraform.write(directory, { "own.auto.tfvars": 'who = "auto"\n' });
      expect(await terraform.run(directory, ["apply", "-auto-approve"])).toContain("hello, auto");
      expect(await plan("-replace=terraform_data.two")).toMatch(/terraform_data.two will be replaced, as requested/);
      expect(await plan("-refresh=false")).toContain("No changes.");
      expect(await plan("-destroy")).toContain("0 to add, 0 to change, 2 to destroy");
      expect(await terraform.run(directory, ["apply", "-refresh-only", "-auto-approve"])).toMatch(
        /No changes|Apply complete/,
      );
      expect(await terraform.run(directory, ["plan", "-detailed-exitcode"])).toContain("No changes.");
    });

    test("a no discards, and leaves the workspace to the next run", async () => {
      const name = freshName("ws");
      const directory = await terraform.initialized(name, two);
      expect(await terraform.fails(directory, ["apply"], { input: "no\n" })).toMatch(/Apply discarded/);
      expect((await runsOf(name))[0]).toMatchObject({ state: RunState.DISCARDED });
      await terraform.run(directory, ["apply", "-auto-approve"]);
    });

    test("a plan that fails and an apply that fails half-way say why, and what was made is in the state", async () => {
      const name = freshName("ws");
      const directory = await terraform.initialized(name, { "main.tf": 'output "x" {\n  value = var.gone\n}\n' });
      const failed = await terraform.call(directory, ["plan"]);
      expect(failed).toMatchObject({ code: 1 });
      expect(failed.stdout).toMatch(/Reference to undeclared input variable/);
      await terraform.write(directory, {
        "main.tf": `
resource "terraform_data" "made" {}
resource "terraform_data" "broken" {
  depends_on = [terraform_data.made]
  provisioner "local-exec" {
    command = "echo it broke >&2; exit 3"
  }
}
`,
      });
      const half = await terraform.call(directory, ["apply"], { input: "yes\n" });
      expect(half).toMatchObject({ code: 1 });
      expect(half.stdout).toMatch(/it broke/);
      expect(half.stdout).toMatch(/local-exec provisioner error/);
      expect(await terraform.run(directory, ["state", "list"])).toContain("terraform_data.made");
    });

    test("an apply that nobody approves and that fails at once says why, however fast it was", async () => {
      const directory = await terraform.initialized(freshName("ws"), {
        "main.tf": `
resource "terraform_data" "broken" {
  provisioner "local-exec" {
    command = "echo it broke >&2; exit 3"
  }
}
`,
      });
      for (const _time of [1, 2, 3]) {
        const failed = await terraform.call(directory, ["apply", "-auto-approve"]);
        expect(failed).toMatchObject({ code: 1 });
        expect(failed.stdout).toMatch(/local-exec provisioner error/);
      }
    });

    test("a saved plan is shown, and applied as it is; once the state has moved it is not", async () => {
      const directory = await terraform.initialized(freshName("ws"), {
        "main.tf": `${two["main.tf"]}
variable "pw" {
  default   = "s3cret-s3cret"
  sensitive = true
}
resource "terraform_data" "secret" {
  input = { pw = var.pw, open = "shown", list = [1, var.pw] }
}
`,
      });
      await terraform.run(directory, ["plan", "-out=first.tfplan"]);
      const shown = await terraform.run(directory, ["show", "first.tfplan"]);
      expect(shown).toContain("# terraform_data.one will be created");
      expect(shown).toMatch(/pw\s+= \(sensitive value\)/);
      expect(shown).toContain('open = "shown"');
      expect(shown).not.toContain("s3cret-s3cret");
      const json = JSON.parse(await terraform.run(directory, ["show", "-json", "first.tfplan"]));
      expect(json).toMatchObject({ terraform_version: "1.11.4", planned_values: {} });
      expect(await terraform.run(directory, ["apply", "first.tfplan"])).toContain("Resources: 3 added");
      expect(await terraform.fails(directory, ["apply", "first.tfplan"])).toMatch(
        /applied|not confirmable|saved plan/i,
      );
      await terraform.run(directory, ["plan", "-out=stale.tfplan", "-var=who=stale"]);
      await terraform.run(directory, ["apply", "-auto-approve", "-var=who=newer"]);
      expect(await terraform.fails(directory, ["apply", "stale.tfplan"])).toMatch(/discarded|stale|cannot be applied/i);
    });

    test("configuration for imports is generated and written where it was asked for", async () => {
      const directory = await terraform.initialized(freshName("ws"), {
        "main.tf": 'import {\n  to = terraform_data.imported\n  id = "hello"\n}\n',
      });
      const plan = await terraform.run(directory, ["plan", "-generate-config-out=made.tf"]);
      expect(plan).toContain("Plan: 1 to import");
      expect(await readFile(`${directory}/made.tf`, "utf8")).toContain('resource "terraform_data" "imported"');
      expect(await terraform.run(directory, ["apply", "-auto-approve"])).toContain("1 imported");
    });
  });
});
