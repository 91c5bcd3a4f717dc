import { describe, expect, test } from "vitest";
import { RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { storages, useTerraformStage } from "../../support/terraform-stage.ts";
import { until } from "../../support/until.ts";

const secretive = {
  "main.tf": `
variable "who" {
  default = "nobody"
}
variable "pw" {
  default   = "s3cret-s3cret"
  sensitive = true
}
resource "terraform_data" "one" {
  input = var.who
}
resource "terraform_data" "secret" {
  input = { pw = var.pw, open = "shown", list = [1, var.pw] }
}
`,
};

describeWithTerraform("plans that terraform's own client saves", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });

    test.each(["remote", "agent", "local"] as const)(
      "are shown, and applied as they are; once the state has moved they are not: %s",
      async (mode) => {
        const { directory, run } = await stage.place(mode, secretive);
        await run("plan", "-out=first.tfplan");
        const shown = await run("show", "first.tfplan");
        expect(shown).toContain("# terraform_data.one will be created");
        expect(shown).toMatch(/pw\s+= \(sensitive value\)/);
        expect(shown).toContain('open = "shown"');
        expect(shown).not.toContain("s3cret-s3cret");
        const json = JSON.parse(await run("show", "-json", "first.tfplan"));
        expect(json).toMatchObject({ terraform_version: "1.11.4", planned_values: {} });
        expect(await run("apply", "first.tfplan")).toContain("Resources: 2 added");
        expect(await stage.terraform.fails(directory, ["apply", "first.tfplan"])).toMatch(
          /applied|not confirmable|saved plan/i,
        );
        await run("plan", "-out=stale.tfplan", "-var=who=stale");
        await run("apply", "-auto-approve", "-var=who=newer");
        expect(await stage.terraform.fails(directory, ["apply", "stale.tfplan"])).toMatch(
          /discarded|stale|cannot be applied/i,
        );
      },
    );

    test("hold nothing up: another run is applied meanwhile, and they are discarded then", async () => {
      const { name, run } = await stage.place("remote", secretive);
      await run("plan", "-out=kept.tfplan");
      await run("apply", "-auto-approve");
      const states = async () => (await stage.runsOf(name)).map(({ state }) => state);
      const isDiscarded = async () => (await states())[1] === RunState.DISCARDED;
      await until("the saved plan is discarded", isDiscarded, { deadlineMs: 60_000, seen: states });
      expect(await states()).toEqual([RunState.APPLIED, RunState.DISCARDED]);
    });

    test("of a destruction destroy", async () => {
      const { run } = await stage.applied("agent", secretive);
      await run("plan", "-destroy", "-out=end.tfplan");
      expect(await run("show", "end.tfplan")).toContain("terraform_data.one will be destroyed");
      expect(await run("apply", "end.tfplan")).toContain("2 destroyed");
    });
  });

  describe("with backend remote, which the client decides alone", () => {
    const stage = useTerraformStage();

    test("are refused by the client, except where terraform runs on this machine", async () => {
      const { directory } = await stage.place("remote", secretive, "remote");
      expect(await stage.terraform.fails(directory, ["plan", "-out=x.tfplan"])).toMatch(/not supported/);
      const { run } = await stage.place("local", secretive, "remote");
      await run("plan", "-out=x.tfplan");
      expect(await run("apply", "x.tfplan")).toContain("Resources: 2 added");
    });
  });
});
