import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform, describeWithTofu, tofuPath } from "../../../test/support/terraform.ts";
import { JobEngine, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

type Spec = NonNullable<FakeJobOptions["spec"]>;

async function run(files: Readonly<Record<string, string>>, spec: Spec, more: Partial<FakeJobOptions> = {}) {
  const configuration = await place.pack(files);
  const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration, spec, ...more });
  await eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
  place.controlPlane.offer(job);
  await eventually(() => job.result, "its result", 60_000);
  return job;
}

const maxBytes = 1_000_000n;
const redacted = { planDocuments: { maxBytes, redacted: true } };
const secret = "hunter2-hunter2";
const variables = [{ key: "pw", value: secret, sensitive: true }];
const configuration = {
  "main.tf": `
variable "pw" { sensitive = true }
module "m" { source = "./m" }
resource "terraform_data" "one" { input = { open = "shown", pw = var.pw } }
output "pw" {
  value     = var.pw
  sensitive = true
}
`,
  "m/main.tf": "",
};

const withTofu = () => place.start("a", { enginePaths: [tofuPath] });
const engines = [
  ["terraform", describeWithTerraform, JobEngine.TERRAFORM, () => place.start("a")],
  ["tofu", describeWithTofu, JobEngine.TOFU, withTofu],
] as const;

for (const [name, describeWithEngine, engine, start] of engines) {
  describeWithEngine(`the documents of a plan of ${name}`, () => {
    beforeEach(() => void start());

    test("are its JSON, and what clients read of a saved plan: without secrets, with the schemas that it needs", async () => {
      const { result, uploadedPlan, logText } = await run(configuration, { engine, ...redacted }, { variables });
      expect(result, logText).toMatchObject({ outcome: JobOutcome.FINISHED });
      const { planJson = "", redactedJson = "" } = uploadedPlan?.documents ?? {};
      const plan = JSON.parse(planJson);
      expect(plan).toMatchObject({ planned_values: { outputs: { pw: { value: secret } } } });
      expect(redactedJson).not.toContain(secret);
      const shown = JSON.parse(redactedJson);
      expect(shown).toMatchObject({ plan_format_version: plan.format_version, provider_format_version: "1.0" });
      const { before_sensitive, after_sensitive, after } = shown.resource_changes[0].change;
      expect({ before_sensitive, after_sensitive, after }).toMatchObject({
        before_sensitive: false,
        after_sensitive: { input: { pw: true } },
        after: { input: { open: "shown", pw: "sensitive value (after)" } },
      });
      const [[source, { resource_schemas }]] = Object.entries<{ resource_schemas: object }>(shown.provider_schemas) as [
        [string, { resource_schemas: object }],
      ];
      expect(source).toBe("terraform.io/builtin/terraform");
      expect(Object.keys(resource_schemas)).toEqual(["terraform_data"]);
    });

    test("without being asked for are its JSON alone, or none; schemas are not read then", async () => {
      const alone = await run(configuration, { engine, planDocuments: { maxBytes } }, { variables });
      const { planJson = "", redactedJson } = alone.uploadedPlan?.documents ?? {};
      expect(JSON.parse(planJson)).toHaveProperty("planned_values");
      expect(redactedJson).toBe("");
      expect(await place.read("a", "jobs", "job_plan-1", "journal").catch(() => "")).not.toContain("schemas");
      const none = await run(configuration, { engine }, { variables, id: "job_none" });
      expect(none.uploadedPlan?.documents).toEqual({ planJson: "", redactedJson: "" });
    });

    test("that are more than is taken are left out, its JSON first, and the log says what that means", async () => {
      const spec = { engine, planDocuments: { maxBytes: 3_500n, redacted: true } };
      const { uploadedPlan } = await run({ "main.tf": large(4_000) }, spec);
      expect(uploadedPlan?.documents.planJson).toBe("");
      expect(JSON.parse(uploadedPlan?.documents.redactedJson ?? "")).toHaveProperty("output_changes");
      const {
        result,
        uploadedPlan: second,
        logText,
      } = await run({ "main.tf": large(20_000) }, spec, { id: "job_large" });
      expect(result).toMatchObject({ outcome: JobOutcome.FINISHED });
      expect(second?.documents).toEqual({ planJson: "", redactedJson: "" });
      expect(logText).toContain("Windlass: clients cannot show this plan: it is too large for them");
    });

    test("have the configuration that was generated, also of a plan that failed; the configuration's directory does not", async () => {
      const asked = { engine, ...redacted, options: { generateConfiguration: true } };
      const files = `output "files" {\n  value = fileset(path.root, "*")\n}\n`;
      const good = await run({ "main.tf": imported + files }, asked);
      expect(good.result, good.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
      expect(generatedIn(good)).toEqual([expect.stringContaining('resource "terraform_data" "imported"')]);
      expect(good.uploadedPlan?.files).toHaveLength(0);
      const broken = `variable "gone" {\n  default = "/gone"\n}\nresource "terraform_data" "b" {\n  input = file(var.gone)\n}\n`;
      const failed = await run({ "main.tf": imported + broken }, asked, { id: "job_failed" });
      expect(failed.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 1 });
      expect(failed.result?.errorMessage).toMatch(/plan failed: .*no file exists at/);
      expect(generatedIn(failed)).toEqual([expect.stringContaining('resource "terraform_data" "imported"')]);
      const other = await run({ "main.tf": broken }, asked, { id: "job_other" });
      expect(other.uploadedPlan).toBeUndefined();
    });
  });
}

const large = (characters: number) => `
locals {
  hashes = [for n in range(${characters} / 40) : sha1("\${n}")]
}
output "o" {
  value = join("", local.hashes)
}
`;

const imported = `
import {
  to = terraform_data.imported
  id = "hello"
}
`;

const generatedIn = ({ uploadedPlan }: FakeJob): readonly unknown[] =>
  JSON.parse(uploadedPlan?.documents.redactedJson ?? "").resource_changes.map(
    ({ change }: { change: { generated_config: unknown } }) => change.generated_config,
  );

describeWithTerraform("a run that is debugged", () => {
  beforeEach(() => place.start("a"));

  test("has all that terraform says in its log, without secrets, and its documents as any other", async () => {
    const spec = { ...redacted, options: { debug: true } };
    const { result, uploadedPlan, logText } = await run(configuration, spec, { variables });
    expect(result, logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(logText).toContain("[TRACE] Executing graph transform");
    expect(logText).toContain("Initializing modules");
    expect(logText).toContain("Plan: 1 to add, 0 to change, 0 to destroy.");
    expect(logText).not.toContain(secret);
    expect(JSON.parse(uploadedPlan?.documents.redactedJson ?? "")).toHaveProperty("provider_schemas");
    const plan = uploadedPlan?.plan ?? Buffer.alloc(0);
    const apply = await run(configuration, { options: { debug: true } }, { variables, plan, id: "job_apply" });
    expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(apply.logText).toContain("[TRACE] Executing graph transform");
    expect(apply.logText).toContain("terraform_data.one: Creation complete");
    expect(apply.logText).toContain("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    expect(apply.logText).not.toContain(secret);
    const quiet = await run(configuration, {}, { variables, id: "job_quiet" });
    expect(quiet.logText).not.toContain("[TRACE]");
  });
});
