import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { describeWithSandbox } from "../../../test/support/agent/sandbox-here.ts";
import { makingEngine } from "../../../test/support/engine.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { AgentConfig } from "../contract/config.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const connected = () =>
  eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");

async function run(job: FakeJob): Promise<FakeJob> {
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`, 60_000);
  return job;
}

async function planned(files: Readonly<Record<string, string>>, more: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  const configuration = await place.pack(files);
  const plan = await run(new FakeJob({ id: "job_plan", runId: "run_1", configuration, ...more }));
  expect(plan.result, plan.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
  return plan;
}

function applyOf(plan: FakeJob, more: Partial<FakeJobOptions> = {}): FakeJob {
  const { configuration, uploadedPlan } = plan;
  if (uploadedPlan === undefined) throw new Error("the plan was not uploaded");
  const files = uploadedPlan.files.length === 0 ? {} : { planFiles: uploadedPlan.files };
  return new FakeJob({ id: "job_apply", runId: "run_1", configuration, plan: uploadedPlan.plan, ...files, ...more });
}

const consumer = `
resource "terraform_data" "upload" {
  input = filebase64("\${path.module}/build/fn.zip")
  provisioner "local-exec" { command = "cat build/fn.zip; ls -lA build lib; test -e old.txt || echo no old.txt" }
}
`;
const made =
  "mkdir -p build lib; echo zipped > build/fn.zip; chmod 600 build/fn.zip; ln -s ../build/fn.zip lib/latest; rm old.txt; echo new > kept.txt\n";
const configuration = { "main.tf": consumer, "made.sh": made, "old.txt": "old", "kept.txt": "as it was", "lib/a": "a" };

const suite = (sandbox: "none" | "bwrap") => () => {
  const start = async (name: string, config: Partial<AgentConfig> = {}) => {
    const agent = place.start(name, { sandbox, enginePaths: [await makingEngine(place.dir)], ...config });
    await connected();
    return agent;
  };

  test("what a plan made is there when another agent applies it, as it was, and the plan's log says so", async () => {
    const planner = await start("plans");
    const plan = await planned(configuration);
    expect(plan.logText).toContain("Windlass: 3 files that the plan made or changed go with it to the apply: ");
    expect(plan.logText).toContain("build/fn.zip (7 B), kept.txt (4 B), lib/latest");
    expect(plan.logText).toContain("Windlass: the plan removed old.txt: so will the apply");
    planner.drain("test");
    await planner.done;
    await start("applies");
    const apply = await run(applyOf(plan));
    expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.logText).toContain("zipped");
    expect(apply.logText).toContain("no old.txt");
    expect(apply.logText).toMatch(/-rw-------.* fn\.zip/);
    expect(apply.logText).toMatch(/latest -> \.\.\/build\/fn\.zip/);
  });

  test("modules outside of the working directory are looked at, and generated configuration does not change the apply's init", async () => {
    await start("a");
    const files = {
      "stack/main.tf": 'module "m" {\n  source = "../module"\n}\n',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: terraform's template, not ours
      "module/main.tf": 'resource "terraform_data" "r" {\n  input = file("${path.module}/made.txt")\n}\n',
      "stack/made.sh": "echo made > ../module/made.txt\n",
      "stack/after.sh": `printf 'terraform {\\n required_providers {\\n x = { source = "a.invalid/b/c" }\\n }\\n}\\n' > late.tf\n`,
    };
    const spec = { workingDirectory: "stack" };
    const plan = await planned(files, { spec });
    expect(plan.logText).toMatch(/module\/made.txt \(5 B\), stack\/late.tf/);
    const apply = await run(applyOf(plan, { spec }));
    expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  });

  test("an agent that ends after the plan packs again when it is back, and says the same", async () => {
    const first = await start("a");
    place.controlPlane.knobs.isAway = false;
    const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(configuration) });
    job.uploadsAreRefused = true;
    place.controlPlane.offer(job);
    await eventually(() => job.logText.includes("go with it to the apply"), "it has packed", 60_000);
    await first[Symbol.asyncDispose]();
    job.uploadsAreRefused = false;
    await start("a");
    await eventually(() => job.result, "its result", 60_000);
    expect(job.result, job.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(job.logText.match(/go with it to the apply/g)).toHaveLength(1);
    const apply = await run(applyOf(job));
    expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  });
};

describeWithTerraform("without a sandbox", suite("none"));
describeWithTerraform("files of a plan", () => {
  const start = async (config: Partial<AgentConfig> = {}) => {
    const agent = place.start("a", { enginePaths: [await makingEngine(place.dir)], ...config });
    await connected();
    return agent;
  };

  test("are not packed for a run that only plans, and nothing is said", async () => {
    await start();
    const plan = await planned(configuration, { spec: { options: { planOnly: true } } });
    expect(plan.uploadedPlan?.files).toHaveLength(0);
    expect(plan.logText).not.toContain("the plan made");
  });

  test("are named as lost when the control plane does not know them: an older one would refuse the plan", async () => {
    await start();
    const plan = await planned(configuration, { spec: { planFiles: undefined } });
    expect(plan.uploadedPlan?.files).toHaveLength(0);
    expect(plan.logText).toContain("the apply will NOT have build/fn.zip (7 B), kept.txt (4 B), lib/latest: ");
    expect(plan.logText).toContain("the control plane takes no files of plans");
  });

  test("that are not what was announced end the apply with the reason, before terraform is started", async () => {
    await start();
    const plan = await planned(configuration);
    const honest = plan.uploadedPlan?.files ?? Buffer.alloc(0);
    const announced = { sizeBytes: BigInt(honest.length), sha256: createHash("sha256").update(honest).digest("hex") };
    const spec = { planFiles: announced };
    await place.forget("transfers");
    const changed = Buffer.from(honest);
    changed[20] = (changed[20] ?? 0) ^ 1;
    const lies: readonly [Uint8Array, RegExp, FakeJobOptions["spec"]?][] = [
      [changed, /the archive of the plan's files is not what was announced/, spec],
      [honest.subarray(0, -1), /the archive of the plan's files is not what was announced/, spec],
      [Buffer.concat([honest, honest]), /the archive of the plan's files is not what was announced/, spec],
      [Buffer.from("no archive"), /the files that the plan made cannot be used: .*gzip/],
      [await place.pack({ "main.tf": "" }), /cannot be used: an entry is no file of a plan: "main.tf"/],
    ];
    for (const [index, [planFiles, why, more]] of lies.entries()) {
      const apply = await run(
        applyOf(plan, { id: `job_apply${index}`, planFiles, ...(more === undefined ? {} : { spec: more }) }),
      );
      expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, errorMessage: expect.stringMatching(why) });
      expect(apply.states).toEqual([]);
    }
  });

  test("are not fetched for the apply by the agent that made them, as the plan is not; after it they are forgotten", async () => {
    await start();
    const plan = await planned(configuration);
    const honest = plan.uploadedPlan?.files ?? Buffer.alloc(0);
    const announced = { sizeBytes: BigInt(honest.length), sha256: createHash("sha256").update(honest).digest("hex") };
    const lie = (id: string) => applyOf(plan, { id, planFiles: Buffer.from("other"), spec: { planFiles: announced } });
    expect((await run(lie("job_first"))).result).toMatchObject({ outcome: JobOutcome.FINISHED });
    await eventually(async () => (await place.jobDirectories()).length === 0, "it is over");
    expect((await run(lie("job_second"))).result).toMatchObject({ outcome: JobOutcome.ERRORED });
  });

  test("of which nobody knows any more what was there before make the plan be tried again", async () => {
    const first = await start();
    const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(configuration) });
    job.uploadsAreRefused = true;
    place.controlPlane.offer(job);
    await eventually(() => job.logText.includes("go with it to the apply"), "it has packed", 60_000);
    await first[Symbol.asyncDispose]();
    await place.write("a/jobs/job_plan-1/configuration.json", '{"bootId":"another"}');
    await start();
    await eventually(async () => (await place.jobDirectories()).length === 0, "it is given up");
    expect(job.result).toBeUndefined();
  });

  test("that a data source has put elsewhere are named, with its address", async () => {
    await start();
    const state = `{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"l","outputs":{"made":{"value":"/tmp/fn.zip","type":"string"}},"resources":[]}`;
    const main = `data "terraform_remote_state" "build" {
      backend = "local"
      config  = { path = "s.tfstate" }
    }
    output "made" {
      value = data.terraform_remote_state.build.outputs.made
    }
`;
    const plan = await planned({ "main.tf": main, "s.tfstate": state });
    expect(plan.logText).toContain("Windlass: data.terraform_remote_state.build names /tmp/fn.zip: a file made there");
  });
});
describeWithSandbox("in a sandbox", suite("bwrap"));
