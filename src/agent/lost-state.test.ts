import { existsSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { JobOutcome } from "../gen/windlass/agent/v1/job_pb.ts";
import { describeWithTerraform } from "../terraform/testing.ts";
import { AgentPlace, eventually } from "./testing/agent-place.ts";
import { FakeJob } from "./testing/fake-job.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
  place.start();
  const { controlPlane } = place;
  await eventually(() => controlPlane.hellos.length > 0 && controlPlane.isConnected, "connected");
});
afterEach(() => place[Symbol.asyncDispose]());

/** Runs a command at the end of an apply that has written a state. */
const meddling = (command: string) => `
resource "terraform_data" "quick" {
  input = "quick"
}
resource "terraform_data" "meddler" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" {
    command = ${JSON.stringify(command)}
  }
}
`;

async function offered(job: FakeJob): Promise<FakeJob> {
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  return job;
}

async function applied(command: string, prepare: (job: FakeJob) => void = () => {}): Promise<FakeJob> {
  const configuration = await place.pack({ "main.tf": meddling(command) });
  const plan = await offered(new FakeJob({ id: "job_plan", runId: "run_1", configuration }));
  expect(plan.result?.errorMessage).toBe("");
  await eventually(async () => (await place.jobDirectories()).length === 0, "the plan is gone");
  const planFile = plan.uploadedPlan?.plan ?? Buffer.alloc(0);
  const apply = new FakeJob({ id: "job_apply", runId: "run_1", configuration, plan: planFile });
  prepare(apply);
  return offered(apply);
}

/** The directory of the apply, after its end. */
async function keptDirectory(): Promise<string> {
  await eventually(() => place.records.some(({ msg }) => msg === "job directory kept"), "the directory is kept");
  const [directory] = await place.jobDirectories();
  return place.path("a", "jobs", directory ?? "nothing");
}

describeWithTerraform("an apply whose state cannot be taken", () => {
  test("is errored and keeps its directory when the state has become a link", async () => {
    const { result, logText } = await applied("rm -f terraform.tfstate; ln -s moved.tfstate terraform.tfstate");
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 0, counts: { add: 2 } });
    const directory = await keptDirectory();
    expect(result?.errorMessage).toContain(
      `the state that terraform wrote cannot be taken: it is a link; it is kept in the agent's directory ${directory}`,
    );
    expect(logText).toContain("cannot be taken: it is a link");
    expect(await readlink(join(directory, "work", "config", "terraform.tfstate"))).toBe("moved.tfstate");
  });

  test.each([
    ["is gone", "rm -f terraform.tfstate", "it is gone"],
    ["is no JSON", "rm -f terraform.tfstate; echo '{' > terraform.tfstate", "it is no whole JSON"],
    [
      "has a serial that is no whole number",
      `sed 's/"serial": *[0-9]*/"serial": 1.5/' terraform.tfstate > s; rm terraform.tfstate; mv s terraform.tfstate`,
      "it is no state of format 4",
    ],
  ])("is errored when it %s", async (_name, command, why) => {
    const { result } = await applied(command);
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, errorMessage: expect.stringContaining(why) });
    expect(existsSync(await keptDirectory())).toBe(true);
  });

  test("brings a state of another lineage to the control plane, which puts it aside", async () => {
    // The state is there once the first resource is stored; the agent takes it while this one waits.
    const command = `sleep 1; sed 's/"lineage": *"[^"]*"/"lineage": "other"/' terraform.tfstate > s; rm terraform.tfstate; mv s terraform.tfstate`;
    const apply = await applied(command, (job) => {
      job.quarantineReasonOf = ({ lineage }) => (lineage === "other" ? "it has another lineage" : "");
    });
    expect(apply.states.at(-1)?.header).toMatchObject({ lineage: "other", final: false });
    expect(apply.result?.outcome).toBe(JobOutcome.ERRORED);
    expect(apply.result?.errorMessage).toContain("it has lineage other");
    expect(apply.result?.errorMessage).toContain("was put aside (it has another lineage)");
  });

  test("is errored when the control plane puts its last state aside", async () => {
    const apply = await applied("true", (job) => {
      job.quarantineReasonOf = () => "its serial leaves no room for later ones";
    });
    expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 0 });
    expect(apply.result?.errorMessage).toContain("was put aside (its serial leaves no room for later ones)");
  });
});

describeWithTerraform("a job whose variables are not given out", () => {
  const plan = async () =>
    new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack({ "main.tf": meddling("true") }) });

  test.each([Code.ResourceExhausted, Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition])(
    "is errored by what cannot heal: %s",
    async (code) => {
      place.controlPlane.variablesRefusals.push(new ConnectError("larger than 4194304 bytes", code));
      const { result } = await offered(await plan());
      expect(result).toMatchObject({
        outcome: JobOutcome.ERRORED,
        errorMessage: "the variables could not be fetched: larger than 4194304 bytes",
      });
    },
  );

  test("waits for the network", async () => {
    place.controlPlane.variablesRefusals.push(new ConnectError("connection reset", Code.Unavailable));
    const { result } = await offered(await plan());
    expect(result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  });
});
