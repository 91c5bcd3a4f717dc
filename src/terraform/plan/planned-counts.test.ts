import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import { planArgv, showPlanArgv } from "../engines/argv.ts";
import { summarizePlan } from "./plan.ts";
import { plannedCounts } from "./planned-counts.ts";

const configuration = `
variable "n" { default = 1 }
resource "terraform_data" "replaced" { triggers_replace = var.n }
resource "terraform_data" "careful" {
  triggers_replace = var.n
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "changed" { input = var.n }
resource "terraform_data" "same" { input = "/elsewhere/same" }
`;
const before = `
${configuration}
resource "terraform_data" "gone" {}
`;
const after = `
${configuration}
import {
  to = terraform_data.imported
  id = "some-id"
}
resource "terraform_data" "imported" {}
`;

const moved = `
moved {
  from = terraform_data.gone
  to   = terraform_data.here
}
`;

describeWithTerraform("what a plan file says of the counts", () => {
  const counted = async (box: Awaited<ReturnType<typeof sandbox>>, ...options: string[]) => {
    const plan = await box.terraform(...planArgv({ out: box.path("p") }), ...options);
    expect(plan.code, plan.stdout).toBe(2);
    const {
      add,
      change,
      destroy,
      import: imported,
      move,
    } = summarizePlan((await box.terraform(...showPlanArgv(box.path("p")))).stdout);
    const document = { add, change, destroy, import: imported, move };
    return { file: await plannedCounts(box.path("p"), []), document };
  };

  test("is what its document says, of every kind of change", async () => {
    await using box = await sandbox({ "main.tf": before });
    const made = await counted(box);
    expect(made.file).toEqual(made.document);
    expect(made.document).toMatchObject({ add: 5, change: 0, destroy: 0 });
    await box.terraform("apply", "-input=false", "p");
    await writeFile(box.path("main.tf"), after);
    const changed = await counted(box, "-var=n=2");
    expect(changed.file).toEqual(changed.document);
    expect(changed.document).toEqual({ add: 2, change: 1, destroy: 3, import: 1, move: 0 });
    const destroyed = await counted(box, "-destroy");
    expect(destroyed.file).toEqual(destroyed.document);
    expect(destroyed.document).toMatchObject({ add: 0, destroy: 5 });
  });

  test("is nothing of a plan that moves, forgets, only refreshes, or names what was asked for: in its changes or in its state", async () => {
    await using box = await sandbox({ "main.tf": before });
    await counted(box);
    expect(await plannedCounts(box.path("p"), ["/elsewhere/"])).toBeUndefined();
    await box.terraform("apply", "-input=false", "p");
    await counted(box, "-var=n=2", "-target=terraform_data.changed");
    expect(await plannedCounts(box.path("p"), ["/nowhere/"])).toMatchObject({ change: 1 });
    expect(await plannedCounts(box.path("p"), ["/elsewhere/"])).toBeUndefined();
    await writeFile(
      box.path("main.tf"),
      `${configuration}
removed {
  from = terraform_data.gone
  lifecycle { destroy = false }
}`,
    );
    expect((await counted(box)).file).toBeUndefined();
    await writeFile(box.path("main.tf"), before.replace('"gone"', '"here"').concat(moved));
    expect(await counted(box)).toMatchObject({ file: undefined, document: { move: 1 } });
    await box.terraform(...planArgv({ out: box.path("p"), refreshOnly: true }));
    expect(await plannedCounts(box.path("p"), [])).toBeUndefined();
  });

  test("is nothing of a file that is none", async () => {
    await using box = await sandbox({ p: "no plan" });
    expect(await plannedCounts(box.path("p"), [])).toBeUndefined();
    expect(await plannedCounts(box.path("missing"), [])).toBeUndefined();
  });
});
