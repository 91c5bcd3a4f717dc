import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { describeWithSandbox } from "../../../test/support/agent/sandbox-here.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { AgentConfig } from "../contract/config.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const bwrap: Partial<AgentConfig> = { sandbox: "bwrap" };
const hostile = fileURLToPath(new URL("../../../test/fixtures/terraform/hostile/main.tf", import.meta.url));

/** Ends once the file `go` is beside it. */
const patient = `
resource "terraform_data" "quick" {}
resource "terraform_data" "patient" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" {
    command = "echo begun; setsid sleep 300 & while [ ! -e go ]; do sleep 0.05; done; echo over"
  }
}
`;

const connected = () =>
  eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");

async function done(job: FakeJob): Promise<FakeJob> {
  await eventually(() => job.result, `the result of ${job.claim.jobId}`, 60_000);
  return job;
}

async function planned(files: Readonly<Record<string, string>>, more: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(files), ...more });
  await connected();
  place.controlPlane.offer(plan);
  await done(plan);
  expect(plan.result?.errorMessage, plan.logText).toBe("");
  const made = plan.uploadedPlan === undefined ? {} : { plan: plan.uploadedPlan.plan };
  return new FakeJob({ id: "job_apply", runId: "run_1", configuration: plan.configuration, ...made, ...more });
}

async function begun(): Promise<FakeJob> {
  const apply = await planned({ "main.tf": patient });
  place.controlPlane.offer(apply);
  await eventually(() => apply.logText.includes("begun"), "the apply has begun");
  return apply;
}

const stateOf = (job: FakeJob) => JSON.parse(job.states.at(-1)?.content.toString() ?? "{}");
const names = (job: FakeJob): readonly string[] => stateOf(job).resources.map(({ name }: { name: string }) => name);

/** Processes of the machine that work in the job's directory or sleep for it. */
const sleepers = async (): Promise<readonly string[]> => {
  const { readdir } = await import("node:fs/promises");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(place.dir));
};

describeWithSandbox("an agent with a sandbox", () => {
  test("says so when it registers", async () => {
    place.start("a", bwrap);
    await connected();
    expect(place.controlPlane.registrations[0]?.sandbox).toBe("bwrap");
  });

  test("a plan made in the sandbox is applied without one, and the other way round, at the same path", async () => {
    const files = {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: terraform's template, not ours
      "main.tf": 'resource "terraform_data" "where" {\n  input = "${path.cwd} ${abspath(path.module)}"\n}\n',
    };
    for (const [first, second] of [
      ["bwrap", "none"],
      ["none", "bwrap"],
    ] as const) {
      const planner = place.start(`plans-in-${first}`, { sandbox: first });
      const apply = await planned(files);
      planner.drain("test");
      await planner.done;
      const applier = place.start(`applies-in-${second}`, { sandbox: second });
      await connected();
      place.controlPlane.offer(apply);
      await done(apply);
      expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
      const root = `${place.path("work")}/run_1/config`;
      expect(stateOf(apply).resources[0].instances[0].attributes.input.value).toBe(`${root} ${root}`);
      applier.drain("test");
      await applier.done;
    }
  });

  test("variables, a module and a working directory are there as without one", async () => {
    place.start("a", bwrap);
    const files = {
      "stack/main.tf":
        'variable "who" {}\nmodule "m" {\n  source = "../module"\n  who = var.who\n}\noutput "said" {\n  value = module.m.said\n}\n',
      "module/main.tf": 'variable "who" {}\noutput "said" {\n  value = format("hello, %s", var.who)\n}\n',
    };
    const variables = [{ key: "who", value: "moon" }];
    const apply = await planned(files, { variables, spec: { workingDirectory: "stack" } });
    place.controlPlane.offer(apply);
    await done(apply);
    expect(apply.result?.errorMessage).toBe("");
    expect(stateOf(apply).outputs.said.value).toBe("hello, moon");
  });

  test("a cancel reaches terraform as one SIGINT; its state comes, and nothing is left", async () => {
    place.start("a", bwrap);
    const apply = await begun();
    for (let count = 0; count < 5; count++) place.controlPlane.desire(apply, DesiredState.CANCEL);
    await done(apply);
    expect(apply.result).toMatchObject({ outcome: JobOutcome.CANCELED, exitCode: 1 });
    expect(apply.logText.match(/Interrupt received/g)).toHaveLength(1);
    expect(apply.logText).not.toContain("Two interrupts");
    expect(names(apply)).toContain("quick");
    expect(await sleepers()).toEqual([]);
  });

  test("a forced end takes the whole sandbox with it", async () => {
    place.start("a", bwrap);
    const apply = await begun();
    place.controlPlane.desire(apply, DesiredState.FORCE);
    await done(apply);
    const errorMessage = "terraform apply was ended by force";
    // It is interrupted first, and comes to its end with what it made.
    expect(apply.result).toMatchObject({ outcome: JobOutcome.CANCELED, errorMessage, inFlight: [] });
    expect(names(apply)).toEqual(["patient", "quick"]);
    expect(await sleepers()).toEqual([]);
  });

  test("an agent that is started again finds its apply in the sandbox, and can still interrupt it", async () => {
    const first = place.start("a", bwrap);
    const apply = await begun();
    await first[Symbol.asyncDispose]();
    place.start("a", bwrap);
    await eventually(() => place.controlPlane.hellos.length > 1 && place.controlPlane.isConnected, "connected again");
    place.controlPlane.desire(apply, DesiredState.CANCEL);
    await done(apply);
    expect(apply.result).toMatchObject({ outcome: JobOutcome.CANCELED, exitCode: 1 });
    expect(apply.logText.match(/Interrupt received/g)).toHaveLength(1);
    expect(apply.grants).toBe(1);
  });

  test("a hostile configuration finds no token, no other job, and nothing that it could write to", async () => {
    place.start("a", bwrap);
    const files = { "main.tf": await readFile(hostile, "utf8") };
    const variables = [
      { key: "data_dir", value: place.path("a") },
      { key: "token_file", value: place.path("a", "session") },
      { key: "directories", value: `${place.dir} /tmp /root /home /var` },
      { key: "write_to", value: `/usr /etc ${place.path("a")}` },
      { key: "attack_state", value: "true" },
    ];
    const apply = await planned(files, { variables });
    expect(await place.read("a", "session")).toContain("wdl_ses_");
    place.controlPlane.offer(apply);
    await done(apply);
    expect(apply.logText).toContain("probed");
    expect(apply.logText).not.toMatch(/\(local-exec\): (token in|wrote: )/);
    expect(apply.logText).toMatch(/processes visible: [1-5]\b/);
    expect(apply.logText).toContain("other jobs: 0");
    expect(existsSync(place.path("a", "windlass-was-here"))).toBe(false);
    const { outputs } = stateOf(apply);
    expect(outputs?.plan_time_other_jobs?.value ?? []).toEqual([]);
    const found: Record<string, string> = outputs?.plan_time_files?.value ?? {};
    const read = Object.entries(found).filter(([, value]) => value !== "denied");
    for (const [file, value] of read) {
      expect(file).toMatch(/^\/proc\/(self|1)\/environ$/);
      expect(Buffer.from(value, "base64").toString()).not.toMatch(/wdl_(agt|ses|job)_/);
    }
    expect(apply.states.map(({ content }) => content.toString()).join()).not.toContain("root:x:0:0");
  });
});

test("a sandbox that does not work here is an error at the start if it was asked for, and none otherwise", async () => {
  const nowhere = { searchPath: "/nonexistent" };
  const { chooseSandbox } = await import("./choose-sandbox.ts");
  const asked = await chooseSandbox("bwrap", nowhere.searchPath);
  if (asked.kind === "chosen") return; // Found beside the search path.
  expect(await place.start("a", { ...nowhere, sandbox: "bwrap" }).done).toMatchObject({ kind: "sandbox_unusable" });
});
