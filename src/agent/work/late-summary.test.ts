import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const secret = "hunter2-hunter2";
const variables = [{ key: "pw", value: secret, sensitive: true }];
const main = `
variable "pw" { sensitive = true }
resource "terraform_data" "one" { input = { open = "shown", pw = nonsensitive(var.pw) } }
`;
const spec = { summaryMayFollow: true, planDocuments: { maxBytes: 1_000_000n } };

async function offered(options: Partial<FakeJobOptions> & { readonly main?: string } = {}): Promise<FakeJob> {
  const configuration = await place.pack({ "main.tf": options.main ?? main });
  const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration, variables, spec, ...options });
  await eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
  place.controlPlane.offer(job);
  return job;
}
const gone = () => eventually(async () => (await place.jobDirectories()).length === 0, "its directory is gone");
const journal = () => place.read("a", "jobs", "job_plan-1", "journal").catch(() => "");

describeWithTerraform("a plan that nobody looks at before it is applied", () => {
  test("is handed over and told with its counts; its summary and documents follow, without secrets", async () => {
    place.start("a");
    const job = await offered();
    await eventually(() => job.summaryCameTo, "its summary");
    await eventually(() => job.result, "its result");
    expect(job.result, job.logText).toMatchObject({
      ...{ outcome: JobOutcome.FINISHED, hasChanges: true, counts: { add: 1, change: 0, destroy: 0, drift: 0 } },
    });
    expect(job.uploadedPlan?.header).toMatchObject({ summaryFollows: true });
    expect(job.uploadedPlan?.summary).toContain("terraform_data.one");
    expect(job.uploadedPlan?.summary).not.toContain(secret);
    expect(JSON.parse(job.uploadedPlan?.documents.planJson ?? "")).toHaveProperty("planned_values");
    await gone();
    expect(place.records.map(({ msg }) => msg)).not.toContain(
      "a plan was counted in another way than its document does",
    );
  });

  test("gets its summary also if nobody wants the job any more, and while the server is away", async () => {
    place.start("a");
    const job = await offered();
    job.isSummaryRefused = true;
    await eventually(() => job.result, "its result");
    place.controlPlane.desire(job, DesiredState.GONE);
    job.isSummaryRefused = false;
    await eventually(() => job.summaryCameTo, "its summary");
    await gone();
  });

  test("gets its summary from the next start of the agent", async () => {
    const agent = place.start("a");
    const job = await offered();
    job.isSummaryRefused = true;
    await eventually(() => job.result, "its result");
    expect(job.summaryCameTo).toBeUndefined();
    await agent[Symbol.asyncDispose]();
    expect(await journal()).toContain("summaryFollows");
    job.isSummaryRefused = false;
    place.start("a");
    await eventually(() => job.summaryCameTo, "its summary");
    expect(job.uploadedPlan?.summary).toContain("terraform_data.one");
    expect(job.uploadedPlan?.summary).not.toContain(secret);
    await gone();
  });

  test("comes with its summary where people have to be told more of it", async () => {
    place.start("a");
    const elsewhere = `${main}\nresource "terraform_data" "two" { input = "/tmp/elsewhere" }`;
    const job = await offered({ main: elsewhere });
    await eventually(() => job.result, "its result");
    expect(job.uploadedPlan?.header).toMatchObject({ summaryFollows: false });
    expect(job.uploadedPlan?.summary).toContain("terraform_data.two");
    expect(job.summaryCameTo).toBeUndefined();
  });
});
