import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { RunSource, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { type Mode, storages, useTerraformStage } from "../../support/terraform-stage.ts";

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

const broken = `
resource "terraform_data" "broken" {
  depends_on = [terraform_data.made]
  provisioner "local-exec" {
    command = "echo it broke >&2; exit 3"
  }
}
`;
const half = { "main.tf": `resource "terraform_data" "made" {}\n${broken}` };

// biome-ignore lint/suspicious/noTemplateCurlyInString: for terraform it is one
const template = "${x}";

const everywhere = (["cloud", "remote"] as const).flatMap((form) =>
  (["remote", "agent", "local"] as const).map((mode) => [form, mode] as const),
);
const asRuns: readonly Mode[] = ["remote", "agent"];

describeWithTerraform("runs of terraform's own client", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });

    test.each(everywhere)("with %s, %s: plan, apply after a yes, output, no changes, destroy", async (form, mode) => {
      const { name, directory, run } = await stage.place(mode, two, form);
      const plan = await run("plan");
      expect(plan).toContain("Plan: 2 to add, 0 to change, 0 to destroy.");
      const { host, organization } = stage.terraform;
      const link = `https://${host}/app/${organization}/${name}/runs/run-`;
      expect(plan.includes(link)).toBe(mode !== "local");
      const applied = await stage.terraform.run(directory, ["apply"], { input: "yes\n" });
      expect(applied).toContain("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.");
      // The log of an apply goes on where that of the plan ended: its heading is said once.
      expect(applied.match(/Initializing plugins and modules/g) ?? []).toHaveLength(mode === "local" ? 0 : 1);
      expect(await run("output", "-raw", "greeting")).toBe("hello, nobody");
      expect(await run("plan", "-detailed-exitcode")).toContain("No changes.");
      expect(await run("destroy", "-auto-approve")).toMatch(/ complete! Resources: .*\b2 destroyed\./);
      expect((await stage.api.state(name)).resources).toEqual([]);
      const [destroyed, ...before] = await stage.runsOf(name);
      if (mode === "local") return expect(destroyed).toBeUndefined();
      expect(destroyed).toMatchObject({ state: RunState.APPLIED, options: { destroy: true } });
      expect(before.map(({ state }) => state)).toEqual([
        ...[RunState.PLANNED_AND_FINISHED, RunState.APPLIED, RunState.PLANNED_AND_FINISHED],
      ]);
      expect(destroyed?.source).not.toBe(RunSource.UNSPECIFIED);
    });

    test.each([
      ["cloud", "remote"],
      ["remote", "agent"],
      ["cloud", "local"],
    ] as const)("options of plans reach terraform: with %s, %s", async (form, mode) => {
      const { directory, run } = await stage.place(mode, { ...two, "given.tfvars": 'who = "file"\n' }, form);
      const plan = (...argv: string[]) => run("plan", ...argv);
      expect(await plan("-target=terraform_data.two")).toContain("Plan: 1 to add");
      if (form === "cloud") {
        expect(await plan(`-var=who="quoted" ${template}`)).toContain(`hello, \\"quoted\\" ${template}`);
        expect(await plan("-var-file=given.tfvars")).toContain("hello, file");
      } else expect(await stage.terraform.fails(directory, ["plan", "-var=who=x"])).toMatch(/Run variables.*not supp/);
      await stage.terraform.write(directory, { "own.auto.tfvars": 'who = "auto"\n' });
      expect(await run("apply", "-auto-approve")).toContain("hello, auto");
      expect(await plan("-replace=terraform_data.two")).toMatch(/terraform_data.two will be replaced, as requested/);
      expect(await plan("-refresh=false")).toContain("No changes.");
      expect(await plan("-destroy")).toContain("0 to add, 0 to change, 2 to destroy");
      expect(await run("apply", "-refresh-only", "-auto-approve")).toMatch(/No changes|Apply complete/);
      expect(await run("destroy", "-auto-approve", "-target=terraform_data.two")).toContain("1 destroyed");
    });

    test.each(asRuns)("a no discards, and leaves the workspace to the next run: %s", async (mode) => {
      const { name, directory, run } = await stage.place(mode, two);
      expect(await stage.terraform.fails(directory, ["apply"], { input: "no\n" })).toMatch(/Apply discarded/);
      expect((await stage.runsOf(name))[0]).toMatchObject({ state: RunState.DISCARDED });
      await run("apply", "-auto-approve");
    });

    test.each(everywhere)(
      "with %s, %s: a plan that fails and an apply that fails half-way say why, and what was made is in the state",
      async (form, mode) => {
        const wrong = { "main.tf": 'output "x" {\n  value = var.gone\n}\n' };
        const { name, directory, run } = await stage.place(mode, wrong, form);
        const failed = await stage.terraform.call(directory, ["plan"]);
        expect(failed).toMatchObject({ code: 1 });
        expect(failed.stdout + failed.stderr).toMatch(/Reference to undeclared input variable/);
        await stage.terraform.write(directory, half);
        const ended = await stage.terraform.call(directory, ["apply"], { input: "yes\n" });
        expect(ended).toMatchObject({ code: 1 });
        expect(ended.stdout).toMatch(/it broke/);
        expect(ended.stdout + ended.stderr).toMatch(/local-exec provisioner error/);
        expect(await run("state", "list")).toContain("terraform_data.made");
        expect((await stage.api.getWorkspace(name)).lock).toBeUndefined();
      },
    );

    test("an apply that nobody approves and that fails at once says why, however fast it was", async () => {
      const { directory } = await stage.place("remote", half);
      for (const _time of [1, 2, 3]) {
        const failed = await stage.terraform.call(directory, ["apply", "-auto-approve"]);
        expect(failed).toMatchObject({ code: 1 });
        expect(failed.stdout).toMatch(/local-exec provisioner error/);
      }
    });

    test("configuration for imports is generated and written where it was asked for", async () => {
      const imports = { "main.tf": 'import {\n  to = terraform_data.imported\n  id = "hello"\n}\n' };
      const { directory, run } = await stage.place("remote", imports);
      const plan = await run("plan", "-generate-config-out=made.tf");
      expect(plan).toContain("Plan: 1 to import");
      expect(await readFile(`${directory}/made.tf`, "utf8")).toContain('resource "terraform_data" "imported"');
      expect(await run("apply", "-auto-approve")).toContain("1 imported");
    });
  });
});
