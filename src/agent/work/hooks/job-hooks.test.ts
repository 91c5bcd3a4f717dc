import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../../test/support/agent/fake-job.ts";
import { sandboxesHere } from "../../../../test/support/agent/sandbox-here.ts";
import { describeWithTerraform } from "../../../../test/support/terraform.ts";
import { DesiredState, JobOutcome } from "../../../gen/windlass/agent/v1/job_pb.ts";
import type { AgentConfig, HookConfig } from "../../contract/config.ts";

let place: AgentPlace;
let configuration: Uint8Array;
beforeEach(async () => {
  place = await AgentPlace.make();
  configuration = await place.pack({
    "main.tf": `variable "greeting" {
  default = "none"
}
resource "terraform_data" "a" {
  input = var.greeting
  provisioner "local-exec" {
    command = "echo from terraform: $FROM_HOOK"
  }
}
`,
  });
});
afterEach(() => place[Symbol.asyncDispose]());

async function hook(name: string, script: string, mode = 0o755): Promise<void> {
  const path = place.path("hooks", name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, mode);
}

const hooks = (others = 20_000): HookConfig => ({ directory: place.path("hooks"), limitsMs: { others, stages: {} } });

interface Asked extends Partial<FakeJobOptions> {
  readonly config?: Partial<AgentConfig>;
}

async function begun({ config, ...options }: Asked = {}): Promise<FakeJob> {
  const { hellos } = place.controlPlane;
  const before = hellos.length;
  place.start(`agent-${before}`, { hooks: hooks(), ...config });
  await eventually(() => hellos.length > before, "connected");
  const spec = { workspace: "net", organization: "acme", takesPolicyDenial: true, ...options.spec };
  const job = new FakeJob({ id: `job_${before}`, runId: "run_1", configuration, ...options, spec });
  place.controlPlane.offer(job);
  return job;
}

async function ended(asked: Asked = {}) {
  const job = await begun(asked);
  const result = await eventually(() => job.result, "the result", 60_000);
  return { job, result, log: job.logText };
}

const planOf = (job: FakeJob) => job.uploadedPlan?.plan ?? new Uint8Array();

describeWithTerraform("hooks", () => {
  describe.each(sandboxesHere)("with the sandbox %s", (sandbox) => {
    test("run around a plan and an apply, say so in the log, and give variables to what is behind them", async () => {
      await hook(
        "pre-init.d/10-login",
        'echo "I am $WINDLASS_HOOK of $WINDLASS_PHASE in $TFC_WORKSPACE_NAME"; echo FROM_HOOK=hello >> $TFC_AGENT_ENV',
      );
      await hook("terraform-pre-plan", 'echo "seen $FROM_HOOK"; echo TF_VAR_greeting=moin >> $WINDLASS_ENV');
      await hook(
        "post-plan.d/50-policy",
        "echo JSON of $(grep -o 'terraform_data.a' $WINDLASS_PLAN_JSON | head -1); echo code $WINDLASS_EXIT_CODE; test -s $WINDLASS_PLAN_FILE",
      );
      await hook("terraform-pre-apply", "echo before init");
      await hook(
        "pre-apply.d/50-policy",
        "test -s $WINDLASS_PLAN_JSON && echo plan is there; cat $(dirname $0)/../terraform-pre-apply | tail -1",
      );
      await hook("post-apply.d/50-note", "grep -c moin $WINDLASS_STATE_FILE; exit 3");
      await hook("job-exit.d/99", "echo bye $WINDLASS_PHASE");
      const plan = await ended({ config: { sandbox } });
      expect(plan.result, plan.log).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true, policyDenial: "" });
      const inOrder = [
        ...[
          "Executing pre-init 10-login hook...",
          "I am pre-init of plan in net",
          "Executing pre-plan hook...",
          "seen hello",
        ],
        ...[
          "Plan: 1 to add",
          "Executing post-plan 50-policy hook...",
          "JSON of terraform_data.a",
          "code 2",
          "bye plan",
        ],
      ];
      const places = inOrder.map((text) => plan.log.indexOf(text));
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(inOrder.filter((text) => !plan.log.includes(text))).toEqual([]);
      const apply = await ended({ config: { sandbox }, plan: planOf(plan.job) });
      expect(apply.result, apply.log).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
      expect(apply.log).toMatch(
        /before init[\s\S]*plan is there\necho before init[\s\S]*from terraform: hello[\s\S]*Apply complete/,
      );
      expect(apply.log).toContain(
        "the hook post-apply.d/50-note failed with exit code 3. The job is over all the same",
      );
      expect(apply.log).toContain("bye apply");
      expect(apply.job.states.at(-1)?.content.toString()).toContain("moin");
    });
  });

  test("a failing one ends the job before terraform is started, and what cleans up runs", async () => {
    await hook("pre-plan.d/1", "echo no; exit 7");
    await hook("pre-plan.d/2", "echo never");
    await hook("job-exit.d/1", "echo cleaned");
    const { result, log } = await ended();
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 7 });
    expect(result.errorMessage).toBe("the hook pre-plan.d/1 failed with exit code 7: see the log");
    expect(log).not.toMatch(/Plan:|never/);
    expect(log).toContain("cleaned");
  });

  test("before an apply, a failing one leaves everything as it is", async () => {
    const plan = await ended();
    await hook("pre-apply.d/1", "exit 1");
    const { result, job } = await ended({ plan: planOf(plan.job) });
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, applyNotStarted: true });
    expect(job.states).toEqual([]);
  });

  test("one behind a plan may ask for an owner's decision; a server that does not know that gets a failed plan", async () => {
    await hook("post-plan.d/cost", "echo 400 dollars; exit 10");
    const { result } = await ended();
    expect(result).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true, policyDenial: "post-plan.d/cost" });
    const old = await ended({ spec: { takesPolicyDenial: false } });
    expect(old.result).toMatchObject({ outcome: JobOutcome.ERRORED, policyDenial: "" });
    expect(old.result.errorMessage).toContain("post-plan.d/cost failed with exit code 10");
  });

  test("also runs behind a plan that failed", async () => {
    configuration = await place.pack({ "main.tf": 'output "x" { value = nope.nope }' });
    await hook("terraform-post-plan", "echo plan ended with $WINDLASS_EXIT_CODE; test -z $WINDLASS_PLAN_JSON");
    const { result, log } = await ended();
    expect(result.outcome).toBe(JobOutcome.ERRORED);
    expect(log).toContain("plan ended with 1");
  });

  test("one that hangs is ended, with all that it started; so is one that floods the log", async () => {
    await hook("terraform-pre-plan", "sleep 3600 & echo $! > $HOME/../pid; yes | head -c 20000000; sleep 3600");
    const { result } = await ended({ config: { hooks: hooks(1_500) }, spec: { maxLogBytes: 10_000n } });
    expect(result.errorMessage).toMatch(/the hook terraform-pre-plan did not end in 1.5 s: it was ended/);
    expect(Number(result.logBytes)).toBeLessThanOrEqual(10_000);
  });

  test("a cancel reaches one, and those that clean up run behind it", async () => {
    await hook("terraform-pre-plan", "echo begun; trap 'echo asked; exit 1' TERM; while :; do sleep 0.1; done");
    await hook("on-cancel.d/1", "echo taken back");
    await hook("job-exit.d/1", "echo bye");
    const job = await begun();
    await eventually(() => job.logText.includes("begun"), "it runs", 60_000);
    place.controlPlane.desire(job, DesiredState.CANCEL);
    const result = await eventually(() => job.result, "the result", 60_000);
    expect(result).toMatchObject({
      outcome: JobOutcome.CANCELED,
      errorMessage: "the hook terraform-pre-plan was canceled",
    });
    expect(job.logText).toMatch(/asked[\s\S]*taken back[\s\S]*bye/);
  });

  test.each<[string, string, number, RegExp]>([
    ["others may write to it", "true", 0o777, /written by others/],
    ["it cannot be executed", "true", 0o644, /not executable/],
    [
      "it sets what it may not",
      "echo LD_PRELOAD=/x >> $WINDLASS_ENV",
      0o755,
      /has set variables that cannot be: .*LD_PRELOAD/,
    ],
  ])("one fails its job if %s", async (_, script, mode, why) => {
    await hook("terraform-pre-plan", script, mode);
    const { result } = await ended();
    expect(result.outcome).toBe(JobOutcome.ERRORED);
    expect(result.errorMessage).toMatch(why);
  });

  test("one finds nothing that the job has put in the place of what it is given", async () => {
    const target = place.path("target");
    await mkdir(target);
    // A hook stands for a program of the configuration: both run in the job's work.
    await hook(
      "pre-plan.d/1",
      `room=$(dirname $WINDLASS_ENV); rm -rf $room; ln -s ${target} $room; echo TF_VAR_greeting=forged > ${target}/hook-post-plan.d-1.env`,
    );
    await hook(
      "post-plan.d/1",
      "test ! -L $(dirname $WINDLASS_ENV) && test -s $WINDLASS_PLAN_JSON && test ! -e $WINDLASS_ENV",
    );
    const { result, log } = await ended();
    expect(result, log).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
    expect(await readdir(target)).toEqual(["hook-post-plan.d-1.env"]);
  });

  test("is not run again by the next process of the agent, and none is put before a step that has begun", async () => {
    const count = place.path("count");
    await hook(
      "terraform-pre-plan",
      `echo x >> ${count}; while [ ! -e ${place.path("go")} ]; do sleep 0.05; done; echo TF_VAR_greeting=late >> $WINDLASS_ENV`,
    );
    const agent = place.start("a", { hooks: hooks() });
    await eventually(() => place.controlPlane.hellos.length > 0, "connected");
    const job = new FakeJob({ id: "job_1", runId: "run_1", configuration });
    place.controlPlane.offer(job);
    await eventually(() => place.read("count"), "the hook runs", 60_000);
    await agent[Symbol.asyncDispose]();
    await place.write("go");
    place.start("a", { hooks: hooks() });
    const result = await eventually(() => job.result, "the result", 60_000);
    expect(result, job.logText).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
    expect(await place.read("count")).toBe("x\n");
    expect(job.logText).toContain('"late"');
  });
});
