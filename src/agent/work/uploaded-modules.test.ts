import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
  place.start("a");
});
afterEach(() => place[Symbol.asyncDispose]());

const says = (text: string) => `output "said" {\n  value = "${text}"\n}\n`;

describeWithTerraform("an uploaded list of modules", () => {
  test("is believed for a module from elsewhere, and not for one whose source is a path", async () => {
    const modules = [
      { Key: "", Source: "", Dir: "." },
      { Key: "child", Source: "./child", Dir: "evil" },
      { Key: "far", Source: "git::https://nowhere.invalid/far.git", Dir: ".terraform/modules/far" },
      { Key: "far.inner", Source: "./inner", Dir: "evil" },
    ];
    const files = {
      "main.tf": `
module "child" {
  source = "./child"
}
module "far" {
  source = "git::https://nowhere.invalid/far.git"
}
output "child" {
  value = module.child.said
}
output "far" {
  value = module.far.said
}
`,
      "child/main.tf": says("the child"),
      "evil/main.tf": says("evil"),
      ".terraform/modules/far/main.tf":
        'module "inner" {\n  source = "./inner"\n}\noutput "said" {\n  value = module.inner.said\n}\n',
      ".terraform/modules/far/inner/main.tf": says("from far away"),
      ".terraform/modules/modules.json": JSON.stringify({ Modules: modules }),
    };
    await eventually(() => place.controlPlane.isConnected, "connected");
    const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(files) });
    place.controlPlane.offer(plan);
    await eventually(() => plan.result, "the plan", 60_000);
    expect(plan.result?.errorMessage, plan.logText).toBe("");
    expect(plan.logText).toContain('+ child = "the child"');
    expect(plan.logText).toContain('+ far   = "from far away"');
  });
});
