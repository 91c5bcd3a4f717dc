import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../test/support/terraform.ts";
import { DesiredState, JobOutcome } from "../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const hello = `
variable "who" {
  default = "world"
}
resource "terraform_data" "greeting" {
  input = "hello, \${var.who}"
}
output "greeting" {
  value = terraform_data.greeting.output
}
`;

/** Prints a line, notes that it ran, and ends once the file `go` is there. */
const patient = (dir: string) => `
resource "terraform_data" "quick" {
  input = "quick"
}
resource "terraform_data" "patient" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" {
    command = "echo ran >> ${dir}/executions; echo begun; while [ ! -e ${dir}/go ]; do sleep 0.05; done; echo over"
  }
}
`;

type Files = Readonly<Record<string, string>>;

async function plannedJob(files: Files, more: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  return new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(files), ...more });
}

async function done(job: FakeJob): Promise<FakeJob> {
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  await eventually(async () => (await place.jobDirectories()).length === 0, "its directory is gone");
  return job;
}

/** Runs a plan on the connected agent and makes the apply that follows it. */
async function applyAfterPlan(files: Files, more: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  const plan = await plannedJob(files, more);
  await connected();
  place.controlPlane.offer(plan);
  await done(plan);
  expect(plan.result?.errorMessage).toBe("");
  return new FakeJob({
    id: "job_apply",
    runId: "run_1",
    configuration: plan.configuration,
    ...(plan.uploadedPlan === undefined ? {} : { plan: plan.uploadedPlan.plan }),
    ...more,
  });
}

const connected = () =>
  eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
const lastState = (job: FakeJob) => JSON.parse(job.states.at(-1)?.content.toString() ?? "{}");

describeWithTerraform("an agent with real terraform", () => {
  test("plans and applies, and leaves nothing behind", async () => {
    place.start();
    const apply = await applyAfterPlan({ "main.tf": hello }, { variables: [{ key: "who", value: "moon" }] });
    place.controlPlane.offer(apply);
    await done(apply);
    expect(apply.result).toMatchObject({
      outcome: JobOutcome.FINISHED,
      exitCode: 0,
      errorMessage: "",
      counts: { add: 1, change: 0, destroy: 0 },
      engineVersion: expect.stringMatching(/^1\./),
    });
    expect(apply.logText).toContain("Windlass: apply of run run_1, agent a");
    expect(apply.logText).toContain("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    expect(lastState(apply).outputs.greeting.value).toBe("hello, moon");
    expect(apply.states.at(-1)?.header.isLast).toBe(true);
    expect(apply.result?.stateSerial).toBe(apply.states.at(-1)?.header.serial);
    expect(existsSync(place.path("work", "run_1"))).toBe(false);
    expect(place.records.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        "starting agent",
        "registered successfully",
        "waiting for next job",
        "job accepted",
        "job finished",
      ]),
    );
  });

  test("tells whether a plan has changes, counts them, and hides sensitive values", async () => {
    place.start();
    const variables = [{ key: "who", value: "s3cr3t-moon", sensitive: true }];
    const plan = await plannedJob({ "sub/main.tf": hello }, { variables, spec: { workingDirectory: "sub" } });
    await connected();
    place.controlPlane.offer(plan);
    await done(plan);
    expect(plan.result).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true, counts: { add: 1 } });
    expect(plan.logText).toContain("Plan: 1 to add, 0 to change, 0 to destroy.");
    expect(plan.logText).toContain("(sensitive value)");
    expect(plan.logText).not.toContain("s3cr3t");
    const { resourceChanges } = JSON.parse(plan.uploadedPlan?.summary ?? "{}") as { resourceChanges: unknown };
    expect(resourceChanges).toMatchObject([{ action: "PLANNED_ACTION_CREATE", resourceType: "terraform_data" }]);
  });

  test("hides what it is told to hide beside its variables, also inside of structured values", async () => {
    place.start();
    const hidden = ['{ user = "u", pass = "former-s3cret" }', "overridden-s3cret"];
    const main = 'output "all" { value = ["former-s3cret", "x-overridden-s3cret", "plain"] }';
    const plan = await plannedJob({ "main.tf": main }, { hidden });
    await connected();
    place.controlPlane.offer(plan);
    await done(plan);
    expect(plan.logText).toContain('"plain"');
    expect(`${plan.logText}${plan.uploadedPlan?.summary}`).not.toContain("s3cret");
  });

  test("a plan that fails says so, with terraform's words in the log", async () => {
    place.start();
    const plan = await plannedJob({ "main.tf": 'resource "terraform_data" "a" {\n  input = nothing.here\n}\n' });
    await connected();
    place.controlPlane.offer(plan);
    await done(plan);
    expect(plan.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 1 });
    expect(plan.result?.errorMessage).toBe(
      'terraform plan failed: main.tf:2: Reference to undeclared resource: A managed resource "nothing" "here" has not been declared in the root module (exit code 1): see the log',
    );
    expect(plan.logText).toContain("Error:");
  });

  test("a plan made by one agent is applied by another, at the same path", async () => {
    const files = {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: terraform's template, not ours
      "main.tf": 'resource "terraform_data" "where" {\n  input = "${path.cwd} ${abspath(path.module)}"\n}\n',
    };
    const first = place.start("a");
    const apply = await applyAfterPlan(files);
    first.drain("test");
    await first.done;
    place.start("b");
    await eventually(() => place.controlPlane.hellos.length > 1 && place.controlPlane.isConnected, "b is there");
    place.controlPlane.offer(apply);
    await done(apply);
    expect(apply.result?.errorMessage).toBe("");
    expect(apply.result?.outcome).toBe(JobOutcome.FINISHED);
    expect(lastState(apply).resources[0].instances[0].attributes.input.value).toMatch(/work.run_1.config/);
  });

  test("an apply that fails half-way delivers the state it has made", async () => {
    place.start();
    const files = {
      "main.tf": `
resource "terraform_data" "good" {}
resource "terraform_data" "bad" {
  depends_on = [terraform_data.good]
  provisioner "local-exec" { command = "exit 3" }
}`,
    };
    const apply = await applyAfterPlan(files);
    place.controlPlane.offer(apply);
    await done(apply);
    expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 1, counts: { add: 1 } });
    const names = lastState(apply).resources.map(({ name }: { name: string }) => name);
    expect(names).toEqual(["bad", "good"]);
  });

  test("a cancel interrupts an apply once, however often it is said, and its state is delivered", async () => {
    place.start();
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    for (let count = 0; count < 5; count++) place.controlPlane.desire(apply, DesiredState.CANCEL);
    await done(apply);
    expect(apply.result).toMatchObject({
      outcome: JobOutcome.CANCELED,
      exitCode: 1,
      errorMessage: "terraform apply was canceled",
    });
    expect(apply.logText.match(/Interrupt received/g)).toHaveLength(1);
    expect(apply.logText).not.toContain("Two interrupts");
    expect(lastState(apply).resources.map(({ name }: { name: string }) => name)).toContain("quick");
  });

  test("a forced end is told as one; what comes to its end after the interrupt is not in flight", async () => {
    place.start();
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    place.controlPlane.desire(apply, DesiredState.FORCE);
    await done(apply);
    const errorMessage = "terraform apply was ended by force";
    expect(apply.result).toMatchObject({ outcome: JobOutcome.CANCELED, errorMessage, exitCode: 1, inFlight: [] });
    expect(lastState(apply).resources.map(({ name }: { name: string }) => name)).toEqual(["patient", "quick"]);
  });

  test("what was in flight at a kill has an address as the log may show it", async () => {
    place.start();
    const variables = [{ key: "SECRET", value: "patient", environment: true, sensitive: true }];
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) }, { variables });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    await eventually(() => apply.states.length > 0, "a state came during the apply");
    const group = Number.parseInt(await place.read("a/jobs/job_apply-1/steps/apply/wrapper"), 10);
    process.kill(-group, "SIGKILL");
    await done(apply);
    expect(apply.result?.outcome).toBe(JobOutcome.ERRORED);
    expect(apply.states.at(-1)?.header.isLast).toBe(true);
    expect(apply.result?.resourcesInFlight).toEqual(["terraform_data.(sensitive value)"]);
    expect(apply.result?.inFlight).toMatchObject([{ address: "terraform_data.(sensitive value)", action: "create" }]);
  });

  test("an agent that is started again takes up a running apply, and the log is the same as without the restart", async () => {
    const first = place.start();
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    await first[Symbol.asyncDispose]();
    await place.write("go");
    place.start();
    await done(apply);
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, exitCode: 0, errorMessage: "" });
    expect(await place.read("executions")).toBe("ran\n");
    expect(apply.grants).toBe(1);
    expect(apply.logText.match(/begun/g)).toHaveLength(2);
    expect(apply.logText.match(/Windlass: apply/g)).toHaveLength(1);
    expect(apply.logText).toContain("Apply complete! Resources: 2 added");
    expect(place.controlPlane.registrations[0]?.incarnation).toBe(place.controlPlane.registrations.at(-1)?.incarnation);
  });

  test("a grant that comes again, or is bound to another incarnation, starts nothing", async () => {
    place.start();
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) });
    apply.isGrantable = false;
    const { incarnation } = place.controlPlane.registrations[0] ?? { incarnation: "" };
    place.controlPlane.offer(apply);
    await eventually(async () => (await place.jobDirectories()).length === 0, "refused, and forgotten");
    const again = new FakeJob({
      id: "job_apply",
      runId: "run_1",
      epoch: 2n,
      configuration: apply.configuration,
      plan: apply.plan,
    });
    place.controlPlane.grant(again, "00000000-0000-4000-8000-000000000000");
    place.controlPlane.offer(again);
    await eventually(() => again.logText.includes("begun"), "the apply has begun");
    for (let count = 0; count < 3; count++) place.controlPlane.grant(again, incarnation);
    place.controlPlane.offer(again);
    await place.write("go");
    await done(again);
    expect(await place.read("executions")).toBe("ran\n");
  });

  test("a control plane that is away for a while loses no byte, and nothing ends because of it", async () => {
    place.start();
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    place.controlPlane.knobs.isAway = true;
    place.controlPlane.disconnect();
    await place.write("go");
    await eventually(
      async () => (await place.read("a/jobs/job_apply-1/journal")).includes("step_ended"),
      "terraform has ended",
    );
    expect(await place.jobDirectories()).toHaveLength(1);
    place.controlPlane.knobs.isAway = false;
    await done(apply);
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.states.at(-1)?.header.isLast).toBe(true);
  });

  test("refused chunks are sent again, and a lost acknowledgement makes the result be repeated", async () => {
    place.start();
    place.controlPlane.knobs.refusedChunks = 3;
    place.controlPlane.knobs.lostResultAcks = 2;
    const command = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done";
    const files = {
      "main.tf": `resource "terraform_data" "noisy" {\n  provisioner "local-exec" { command = "${command}" }\n}\n`,
    };
    const apply = await applyAfterPlan(files);
    place.controlPlane.knobs.refusedChunks = 3;
    place.controlPlane.offer(apply);
    await done(apply);
    const lines = apply.logText.match(/line \d+$/gm);
    expect(lines).toEqual(Array.from({ length: 3000 }, (_, index) => `line ${index}`));
    expect(place.controlPlane.results.length).toBeGreaterThan(2);
  });

  test("a step that was ended without a status is an error that says so, with log and state", async () => {
    const first = place.start();
    const apply = await applyAfterPlan({ "main.tf": patient(place.dir) });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    await first[Symbol.asyncDispose]();
    const pid = Number.parseInt(await place.read("a/jobs/job_apply-1/steps/apply/wrapper"), 10);
    process.kill(-pid, "SIGKILL");
    place.start();
    await done(apply);
    expect(apply.result).toMatchObject({
      outcome: JobOutcome.ERRORED,
      exitCode: -1,
      resourcesInFlight: ["terraform_data.patient"],
    });
    expect(apply.result?.errorMessage).toContain("without a status (signal or machine restart)");
    expect(apply.logText).toContain("without a status");
    expect(lastState(apply).resources.map(({ name }: { name: string }) => name)).toEqual(["quick"]);
  });

  test.each([
    ["goes on after a restart if it is still wanted", DesiredState.RUN, 1],
    ["is dropped after a restart if it is not wanted any more", DesiredState.GONE, 0],
  ])("a job that was only offered %s", async (_name, desired, grants) => {
    const first = place.start();
    await connected();
    const plan = await plannedJob({ "main.tf": hello });
    plan.isUndecided = true;
    place.controlPlane.offer(plan);
    await eventually(() => place.controlPlane.startRequests.length > 0, "it has asked");
    await first[Symbol.asyncDispose]();
    plan.isUndecided = false;
    plan.desired = desired;
    place.start();
    await eventually(async () => (await place.jobDirectories()).length === 0, "nothing is left");
    expect(plan.grants).toBe(grants);
    expect(plan.result?.outcome).toBe(grants === 1 ? JobOutcome.FINISHED : undefined);
  });

  test("restarts in the middle of much output change no byte of it", async () => {
    let agent = place.start();
    const script = `i=0; while [ $i -lt 4000 ]; do echo "line $i s3cr3t-value"; i=$((i+1)); [ $((i % 1000)) = 0 ] && sleep 0.3; done; true`;
    const resource = `resource "terraform_data" "noisy" {\n  provisioner "local-exec" {\n    command = ${JSON.stringify(script)}\n  }\n}\n`;
    const variables = [{ key: "SECRET", value: "s3cr3t-value", environment: true, sensitive: true }];
    const apply = await applyAfterPlan({ "main.tf": resource }, { variables });
    place.controlPlane.offer(apply);
    for (const line of ["line 100 ", "line 1500 ", "line 2500 "]) {
      await eventually(() => apply.logText.includes(line), line);
      await agent[Symbol.asyncDispose]();
      agent = place.start();
    }
    await done(apply);
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    const lines = apply.logText.match(/line \d+ .*$/gm);
    expect(lines).toEqual(Array.from({ length: 4000 }, (_, index) => `line ${index} (sensitive value)`));
  });

  test("a missing program is an error of the run, with a line in its log", async () => {
    place.start("a", { searchPath: "/nonexistent" });
    const plan = await plannedJob({ "main.tf": hello });
    await connected();
    place.controlPlane.offer(plan);
    await done(plan);
    expect(plan.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: -1 });
    expect(plan.result?.errorMessage).toContain("terraform was not found on this agent");
    expect(plan.logText).toContain("Windlass: terraform was not found on this agent");
  });

  test("a program of another version is an error that names both", async () => {
    place.start();
    const plan = await plannedJob({ "main.tf": hello }, { spec: { engineVersion: "0.12.31" } });
    await connected();
    place.controlPlane.offer(plan);
    await done(plan);
    expect(plan.result?.errorMessage).toMatch(/asks for terraform 0\.12\.31, this agent has 1\./);
  });
});
