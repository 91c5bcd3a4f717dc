import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { sandboxesHere } from "../../../test/support/agent/sandbox-here.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const main = `
terraform {
  backend "s3" {
    bucket = "b"
  }
}
variable "name" {}
variable "token" {
  ephemeral = true
}
variable "windlass_shared_states" {}
data "terraform_remote_state" "net" {
  backend = "local"
  config  = { path = "\${var.windlass_shared_states}/network.tfstate" }
}
resource "terraform_data" "late" {
  input = "\${var.name} \${data.terraform_remote_state.net.outputs.vpc}"
  provisioner "local-exec" {
    command = "ls -A"
  }
}
output "site" {
  value = { for f in fileset(path.root, "**") : f => filemd5("\${path.root}/\${f}") }
}
`;

const shared = [
  {
    workspace: "network",
    state: Buffer.from(
      JSON.stringify({
        ...{ version: 4, terraform_version: "1.5.0", serial: 3, lineage: "l", resources: [], check_results: null },
        outputs: { vpc: { type: "string", value: "vpc-1" } },
      }),
    ),
  },
];

async function finished(job: FakeJob): Promise<FakeJob> {
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  expect(job.result, job.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  return job;
}

describeWithTerraform("files of Windlass", () => {
  test.each(sandboxesHere)(
    "are not among the configuration's, while planning and applying, with the sandbox %s",
    async (sandbox) => {
      place.start("a", { sandbox });
      await eventually(() => place.controlPlane.isConnected, "the agent is connected");
      const files = { "app/main.tf": main, "app/site/index.html": "hello" };
      const options = {
        configuration: await place.pack(files),
        variables: [
          { key: "name", value: "of the run" },
          { key: "token", value: "not kept" },
        ],
        ...{ shared, spec: { workingDirectory: "app" } },
      } satisfies Partial<FakeJobOptions>;
      const plan = await finished(new FakeJob({ id: "job_plan", runId: "run_1", ...options }));
      const uploaded = plan.uploadedPlan?.plan ?? new Uint8Array();
      const apply = await finished(new FakeJob({ id: "job_apply", runId: "run_1", ...options, plan: uploaded }));
      const last = apply.states.at(-1);
      const state = JSON.parse(last?.content.toString() ?? "{}");
      // As in a shell, where `init` makes it.
      const ofTerraform = ".terraform/terraform.tfstate";
      expect(Object.keys(state.outputs.site.value)).toEqual([ofTerraform, "main.tf", "site/index.html"]);
      const listed = [".terraform", "main.tf", "site"].map((name) => `terraform_data.late (local-exec): ${name}\n`);
      expect(apply.logText).toContain(listed.join(""));
      expect(apply.logText.replaceAll(ofTerraform, "")).not.toMatch(/tfstate|tfvars|override|windlass_shared/);
      expect(plan.logText + apply.logText).not.toMatch(/warning/i);
      const given = { content: last?.content ?? new Uint8Array(), lineage: state.lineage, serial: state.serial };
      const again = await finished(new FakeJob({ id: "job_again", runId: "run_2", ...options, state: given }));
      expect(again.logText).toContain("No changes.");
    },
  );
});
