import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { fakeLockFile, makeFakeTofu, showFailure } from "../../../test/support/agent/fake-tofu.ts";
import { describeWithTerraform, describeWithTofu, tofuPath } from "../../../test/support/terraform.ts";
import { DesiredState, JobEngine, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

type Files = Readonly<Record<string, string>>;

async function start(path: string): Promise<void> {
  place.start("a", { enginePaths: [path] });
  await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
}

async function run(files: Files, more: Partial<FakeJobOptions> = {}, id = "job_plan"): Promise<FakeJob> {
  const { spec, ...rest } = more;
  const configuration = await place.pack(files);
  const ofTofu = { engine: JobEngine.TOFU, ...spec };
  const job = new FakeJob({ id, runId: "run_1", configuration, spec: ofTofu, ...rest });
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${id}`, 60_000);
  return job;
}

/** The apply as the control plane offers it, with what was kept beside the plan. */
function applyOf(plan: FakeJob, files: Files, more: Partial<FakeJobOptions> = {}, id = "job_apply"): Promise<FakeJob> {
  if (plan.uploadedPlan === undefined) throw new Error(`the plan was not uploaded: ${plan.logText}`);
  const { header, plan: bytes } = plan.uploadedPlan;
  const spec = { lockFile: header.lockFile, planEngineVersion: header.engineVersion, ...more.spec };
  return run(files, { ...more, plan: bytes, spec }, id);
}

const module: Files = { "main.tf": 'variable "pw" {}\nmodule "m" {\n  source = "./m"\n}\n', "m/main.tf": "" };
const variables = [{ key: "pw", value: "hunter2-hunter2", sensitive: true }];

describe("with a tofu that encrypts", () => {
  test("variables reach init, show and the apply's init, and no file of the upload is touched", async () => {
    const tofu = await makeFakeTofu(place.dir);
    await start(tofu.path);
    const plan = await run(module, { variables });
    expect(plan.result, plan.logText).toMatchObject({ outcome: JobOutcome.FINISHED, engine: JobEngine.TOFU });
    await applyOf(plan, module, { variables });
    for (const verb of ["init", "show"])
      for (const call of await tofu.calls(verb))
        expect(call).toMatch(/-var-file=\S*\/variables\.tfvars\.json.*hunter2/);
    expect(await tofu.calls("init")).toHaveLength(2);
    expect(await tofu.calls("apply")).toEqual([expect.stringMatching(/-var-file=\S*\/variables\.tfvars\.json/)]);
    expect(await tofu.calls("found")).toEqual([]);
  });

  test("one that is too old to take them there gets none", async () => {
    const tofu = await makeFakeTofu(place.dir, "1.7.4");
    await start(tofu.path);
    await run(module, { variables });
    expect((await tofu.calls("init")).join()).not.toContain("-var-file");
    expect((await tofu.calls("plan")).join()).toContain("-var-file");
  });

  test("an encrypted plan is applied with the lock file that was kept beside it", async () => {
    const tofu = await makeFakeTofu(place.dir);
    await start(tofu.path);
    const plan = await run(module);
    expect(plan.uploadedPlan?.header).toMatchObject({ engine: JobEngine.TOFU, engineVersion: "1.12.6" });
    expect(Buffer.from(plan.uploadedPlan?.header.lockFile ?? []).toString()).toBe(fakeLockFile);
    const apply = await applyOf(plan, module);
    expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.logText).toContain(`lock file:\n${fakeLockFile}`);
    expect(apply.states.at(-1)?.content.toString()).toContain("encrypted_data");
  });

  test("what show says when it fails is in the log, and nothing of the document that it began", async () => {
    await start((await makeFakeTofu(place.dir)).path);
    const plan = await run({ ...module, "show-fails": "" });
    expect(plan.result?.outcome).toBe(JobOutcome.ERRORED);
    expect(plan.result?.errorMessage).toMatch(/^tofu show failed: Unable to use static value/);
    expect(plan.logText).toContain(showFailure);
    expect(plan.logText).not.toContain("never-to-be-seen");
  });

  test("a crash is a failure, whatever Go's exit code means elsewhere, and the run says what it crashed of", async () => {
    await start((await makeFakeTofu(place.dir)).path);
    const plan = await run({ ...module, "plan-crashes": "" }, {}, "job_crash");
    expect(plan.result).toMatchObject({
      outcome: JobOutcome.ERRORED,
      exitCode: 2,
      hasChanges: false,
      errorMessage:
        "tofu plan failed: it crashed: panic: runtime error: index out of range [3] (exit code 2): see the log",
    });
    const files = { ...module, "apply-crashes": "" };
    const apply = await applyOf(await run(files), files);
    expect(apply.result).toMatchObject({
      outcome: JobOutcome.ERRORED,
      errorMessage: expect.stringMatching(/^tofu apply failed: it crashed: fatal error: concurrent map writes/),
    });
  });

  test("options of the run reach it", async () => {
    const tofu = await makeFakeTofu(place.dir);
    await start(tofu.path);
    const changes = [["forget", "create"], ["forget"], ["no-op"]].map((actions, index) =>
      JSON.stringify({
        address: `t.r${index}`,
        previous_address: `t.${index}`,
        change: { actions, before: {}, after: {} },
      }),
    );
    const diagnostic = { severity: "error", summary: "Destroy was successful but left behind forgotten instances" };
    const planned = ["remove", "remove", "delete"].map((action) => ({ type: "planned_change", change: { action } }));
    const events = [...planned, { type: "diagnostic", diagnostic }].map((event) =>
      JSON.stringify({ "@level": "info", "@message": "", ...event }),
    );
    const files = { ...module, "changes.json": changes.join(","), "leaves-behind": `${events.join("\n")}\n` };
    const options = { excludes: ["t.a", "t.b"], destroy: true };
    const plan = await run(files, { spec: { options } });
    expect(await tofu.calls("plan")).toEqual([expect.stringMatching(/ -destroy -exclude=t\.a -exclude=t\.b/)]);
    expect(plan.result?.counts).toMatchObject({ add: 1, forget: 2, moved: 3, destroy: 0 });
    const left = await applyOf(plan, files, { spec: { options } });
    expect(left.result).toMatchObject({
      ...{ outcome: JobOutcome.ERRORED, exitCode: 1 },
      errorMessage: expect.stringMatching(/as planned.*--suppress-forget-errors$/),
      counts: expect.objectContaining({ destroy: 0, forget: 2 }),
    });
    const suppressing = { ...options, suppressForgetErrors: true };
    const good = await applyOf(plan, files, { spec: { options: suppressing } }, "job_good");
    expect(good.result, good.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
  });

  test("a cancel between the end of plan and the begin of show is a cancel", async () => {
    const tofu = await makeFakeTofu(place.dir);
    await start(tofu.path);
    const configuration = await place.pack({ ...module, "plan-waits": "" });
    const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration, spec: { engine: JobEngine.TOFU } });
    place.controlPlane.offer(plan);
    await eventually(async () => (await tofu.calls("plan")).length > 0, "it plans");
    place.controlPlane.desire(plan, DesiredState.CANCEL);
    await eventually(() => plan.result, "its result");
    expect(plan.result).toMatchObject({ outcome: JobOutcome.CANCELED, errorMessage: "tofu show was canceled" });
    expect(await tofu.calls("show")).toEqual([]);
  });

  test("an encrypted state asks for init, whatever the configuration says", async () => {
    const tofu = await makeFakeTofu(place.dir);
    await start(tofu.path);
    const content = Buffer.from('{"serial":1,"lineage":"l","encrypted_data":"c2VjcmV0"}');
    await run({ "main.tf": "" }, { state: { content, lineage: "l", serial: 1 } });
    expect(await tofu.calls("init")).toHaveLength(1);
  });
});

describeWithTerraform("with terraform", () => {
  test("no option that only OpenTofu has is left out in silence", async () => {
    await start((await makeFakeTofu(place.dir)).path);
    for (const options of [{ excludes: ["t.a"] }, { destroy: true, suppressForgetErrors: true }]) {
      const spec = { options, engine: JobEngine.TERRAFORM };
      const plan = await run({ "main.tf": "" }, { spec }, `job_${Object.keys(options).length}`);
      expect(plan.result?.errorMessage).toMatch(/which only OpenTofu has, and its workspace runs terraform now/);
    }
  });
});

describe("the first apply of a tofu that writes its state rarely", () => {
  const plain: Files = { "main.tf": "" };
  const encrypts: Files = {
    "main.tf": "terraform {\n  encryption {\n    state { method = method.aes_gcm.m }\n  }\n}\n",
  };
  const byVariable = { variables: [{ key: "TF_ENCRYPTION", value: "state {\n}\n", environment: true }] };
  const zip = Buffer.from("PK");
  const state = { content: Buffer.from('{"version":4,"serial":7,"lineage":"l"}'), lineage: "l", serial: 7 };

  test.each<readonly [string, Files, Partial<FakeJobOptions>, RegExp]>([
    ["begins with an empty one", plain, {}, /"serial": 0,\n {2}"lineage": "[0-9a-f-]{36}"/],
    ["begins with none where the configuration encrypts it", encrypts, {}, /^$/],
    ["begins with none where a variable encrypts it", plain, byVariable, /^$/],
    ["begins with none where a file cannot be read", { ...plain, "more.tf": "x {" }, {}, /^$/],
    ["begins with none where the plan is encrypted", plain, { plan: Buffer.from("{}") }, /^$/],
    ["begins with that of the workspace", plain, { state }, /"serial":7,/],
  ])("%s", async (_rule, files, more, expected) => {
    await start((await makeFakeTofu(place.dir)).path);
    const spec = { lockFile: Buffer.from(fakeLockFile) };
    const job = await run(files, { plan: zip, spec, ...more }, "job_apply");
    const given = /^began with\n(.*?)^ended/ms.exec(job.logText)?.[1]?.trim() ?? job.logText;
    expect(given).toMatch(expected);
  });
});

/**
 * OpenTofu derives the key anew for each thing that it reads or writes: half a second each with its usual 600,000
 * iterations (200,000 are the fewest that it takes), and these tests run eight of its commands, several things each.
 */
const derivingMs = 120_000;

describeWithTofu("with the real tofu", () => {
  const passphrase = { key: "pw", value: "correct-horse-battery-staple", sensitive: true };
  const encrypting = `
    variable "pw" { sensitive = true }
    variable "src" {}
    terraform {
      encryption {
        key_provider "pbkdf2" "k" {
          passphrase = var.pw
          iterations = 200000
        }
        method "aes_gcm" "m" { keys = key_provider.pbkdf2.k }
        plan { method = method.aes_gcm.m }
        state { method = method.aes_gcm.m }
      }
    }
    module "m" { source = var.src }
    output "o" { value = module.m.o }
  `;
  const files = {
    "main.tf": encrypting,
    "one/main.tf": 'output "o" { value = "one" }',
    "two/main.tf": 'output "o" { value = "two" }',
    "zz.auto.tfvars": 'src = "./one"',
  };

  test(
    "a module's source and the key of plan and state come from the workspace's variables, above those of the upload",
    async () => {
      await start(tofuPath);
      const given = { variables: [passphrase, { key: "src", value: "./two" }] };
      const plan = await run(files, given);
      expect(plan.result, plan.logText).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
      expect(plan.logText).toContain('o = "two"');
      expect(plan.uploadedPlan?.plan.toString("utf8", 0, 1)).toBe("{");
      const apply = await applyOf(plan, files, given);
      expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
      const content = apply.states.at(-1)?.content ?? Buffer.alloc(0);
      expect(content.toString()).toContain("encrypted_data");
      const again = await run(
        files,
        { ...given, state: { content, lineage: lineageOf(content), serial: 1 } },
        "job_again",
      );
      expect(again.result, again.logText).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: false });
    },
    derivingMs,
  );

  const lineageOf = (content: Buffer): string => (JSON.parse(content.toString()) as { lineage: string }).lineage;
});
