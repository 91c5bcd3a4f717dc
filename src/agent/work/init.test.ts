import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import {
  hangingLine,
  type InitEngine,
  initConfiguration,
  makeInitEngine,
} from "../../../test/support/agent/init-engine.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobVariableSchema } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
let engine: InitEngine;
beforeEach(async () => {
  place = await AgentPlace.make();
  engine = await makeInitEngine(place.dir);
});
afterEach(() => place[Symbol.asyncDispose]());

const patient = { initPatienceMs: 200, planPatienceMs: 60_000 } as const;

async function connected(config: Parameters<AgentPlace["start"]>[1] = {}) {
  const { hellos } = place.controlPlane;
  const before = hellos.length;
  const agent = place.start("a", { enginePaths: [engine.path], ...patient, ...config });
  await eventually(() => hellos.length > before && place.controlPlane.isConnected, "connected");
  return agent;
}

async function offer(options: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  const configuration = await place.pack(initConfiguration);
  const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration, ...options });
  place.controlPlane.offer(job);
  return job;
}

const resultOf = (job: FakeJob) => eventually(() => job.result, `the result of ${job.claim.jobId}`);
const hangs = (job: FakeJob) => eventually(() => job.logText.includes(hangingLine), "its init hangs");
const limit = (ms: number) => ({ spec: { initTimeout: durationFromMs(ms) } });
const otherState = JSON.stringify({
  ...{ version: 4, terraform_version: "1.4.0", serial: 9, lineage: "other", outputs: {}, resources: [] },
});
const raw = (job: string) => place.read("a", "jobs", job, "raw", "init.out");

/** Plans with an init that works, and answers an apply of the plan. */
async function applyOf(options: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  await engine.behave("works");
  const plan = await offer();
  expect((await resultOf(plan)).errorMessage).toBe("");
  await eventually(async () => (await place.jobDirectories()).length === 0, "the plan is gone");
  const planFile = plan.uploadedPlan?.plan ?? Buffer.alloc(0);
  return new FakeJob({
    id: "job_apply",
    runId: "run_1",
    configuration: plan.configuration,
    plan: planFile,
    ...options,
  });
}

describeWithTerraform("an init that does not end", () => {
  test("is ended soon after a cancel, in a plan", async () => {
    await engine.behave("hangs");
    await connected();
    const plan = await offer();
    await hangs(plan);
    place.controlPlane.desire(plan, DesiredState.CANCEL);
    const result = await resultOf(plan);
    expect(result).toMatchObject({ outcome: JobOutcome.CANCELED, errorMessage: "terraform init was ended by force" });
  });

  test("is ended soon after a cancel, in an apply, which then was not started", async () => {
    await connected();
    const apply = await applyOf();
    await engine.behave("hangs");
    place.controlPlane.offer(apply);
    await hangs(apply);
    place.controlPlane.desire(apply, DesiredState.CANCEL);
    const result = await resultOf(apply);
    expect(result).toMatchObject({ outcome: JobOutcome.CANCELED, applyNotStarted: true, stateSerial: 0n });
    expect(apply.states).toEqual([]);
  });

  test.each(["hangs", "hangs-politely"] as const)(
    "is ended when its own time is over, and the error says what it waited for: %s",
    async (manner) => {
      await engine.behave(manner);
      await connected();
      const plan = await offer(limit(1_000));
      const result = await resultOf(plan);
      expect(result.outcome).toBe(JobOutcome.ERRORED);
      expect(result.errorMessage).toMatch(
        /^terraform init did not end in 1s: it waited for the download of provider hashicorp\/random 3\.9\.0; look/,
      );
    },
  );

  test("is ended when its own time is over although the agent was started again meanwhile", async () => {
    await engine.behave("hangs");
    const agent = await connected();
    const plan = await offer(limit(1_500));
    await hangs(plan);
    await agent[Symbol.asyncDispose]();
    await connected();
    const result = await resultOf(plan);
    expect(result.errorMessage).toContain("it waited for the download of provider hashicorp/random 3.9.0");
  });

  test("is ended when its own time is over although the control plane is away since the agent was started again", async () => {
    await engine.behave("hangs");
    const agent = await connected();
    const plan = await offer(limit(2_000));
    await hangs(plan);
    await agent[Symbol.asyncDispose]();
    place.controlPlane.knobs.isAway = true;
    place.start("a", { enginePaths: [engine.path], ...patient });
    const journal = () => place.read("a", "jobs", "job_plan-1", "journal");
    await eventually(async () => (await journal()).includes('"kind":"step_ended"'), "its init has ended");
    place.controlPlane.knobs.isAway = false;
    expect((await resultOf(plan)).errorMessage).toContain("cannot be told without the control plane");
  });

  test("says in the log what it waits for, and the same after the agent was started again", async () => {
    await engine.behave("hangs");
    const agent = await connected({ initSilenceMs: 300 });
    const plan = await offer();
    const notice = /Windlass: terraform init has printed nothing for \d+s: it is at "- Installing hashicorp\/random/g;
    const notices = () => plan.logText.match(notice)?.length ?? 0;
    await eventually(() => notices() > 0, "a notice");
    await agent[Symbol.asyncDispose]();
    const before = notices();
    await connected({ initSilenceMs: 300 });
    await eventually(() => notices() > before, "another notice");
    expect(plan.logText.endsWith(await raw("job_plan-1"))).toBe(true);
    await engine.behave("works");
    // The control plane compares the whole log with the hash that the agent has made of it.
    expect((await resultOf(plan)).errorMessage).toBe("");
    expect(plan.isSealed).toBe(true);
  });

  test("says nothing of a sensitive value that it printed last", async () => {
    await engine.behave("hangs");
    await connected({ initSilenceMs: 200 });
    const sensitive = create(JobVariableSchema, { key: "where", value: "hashicorp/random", sensitive: true });
    const plan = await offer({ variables: [sensitive], ...limit(1_000) });
    const result = await resultOf(plan);
    expect(`${plan.logText}${result.errorMessage}`).not.toContain("hashicorp/random");
    expect(result.errorMessage).toContain("(sensitive value)");
  });
});

describeWithTerraform("an apply", () => {
  test("whose init fails was not started", async () => {
    await connected();
    const apply = await applyOf();
    await engine.behave("fails");
    place.controlPlane.offer(apply);
    const result = await resultOf(apply);
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 1, applyNotStarted: true });
    expect(result.errorMessage).toContain("terraform init failed");
  });

  test("that cannot even be prepared was not started", async () => {
    await connected();
    const apply = await applyOf({ plan: Buffer.from("no plan") });
    place.controlPlane.offer(apply);
    expect(await resultOf(apply)).toMatchObject({ outcome: JobOutcome.ERRORED, applyNotStarted: true });
  });

  test("that terraform refuses was started", async () => {
    await connected();
    const apply = await applyOf({ state: { content: Buffer.from(otherState), lineage: "other", serial: 9 } });
    place.controlPlane.offer(apply);
    expect(await resultOf(apply)).toMatchObject({ outcome: JobOutcome.ERRORED, applyNotStarted: false });
  });

  test("that succeeds was started", async () => {
    await connected();
    const apply = await applyOf();
    place.controlPlane.offer(apply);
    expect(await resultOf(apply)).toMatchObject({ outcome: JobOutcome.FINISHED, applyNotStarted: false });
  });
});
