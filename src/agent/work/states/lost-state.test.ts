import { existsSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../../test/support/agent/fake-job.ts";
import { ownRefusal } from "../../../../test/support/agent/own-refusal.ts";
import { describeWithTerraform } from "../../../../test/support/terraform.ts";
import { JobOutcome } from "../../../gen/windlass/agent/v1/job_pb.ts";

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
${onlyMeddling(command, "  depends_on = [terraform_data.quick]\n")}`;

/** Runs a command in an apply that writes nothing before. */
const onlyMeddling = (command: string, after = "") => `
resource "terraform_data" "meddler" {
${after}  provisioner "local-exec" {
    command = ${JSON.stringify(command)}
  }
}
`;

async function offered(job: FakeJob): Promise<FakeJob> {
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  return job;
}

const given = {
  lineage: "5a3c2f4e-0000-4000-8000-000000000000",
  serial: 3,
  content: Buffer.from(
    '{"version":4,"terraform_version":"1.5.0","serial":3,"lineage":"5a3c2f4e-0000-4000-8000-000000000000","outputs":{},"resources":[],"check_results":null}',
  ),
};

interface Applied {
  readonly prepare?: (job: FakeJob) => void;
  readonly spec?: { readonly maxLogBytes: bigint };
  readonly state?: typeof given;
}

async function applied(command: string, before: Applied = {}): Promise<FakeJob> {
  return planned({ configuration: await place.pack({ "main.tf": meddling(command) }), ...before });
}

/** Plans and applies this configuration. */
async function planned({ prepare = () => {}, ...before }: Applied & { readonly configuration: Uint8Array }) {
  const plan = await offered(new FakeJob({ id: "job_plan", runId: "run_1", ...before }));
  expect(plan.result?.errorMessage).toBe("");
  await eventually(async () => (await place.jobDirectories()).length === 0, "the plan is gone");
  const planFile = plan.uploadedPlan?.plan ?? Buffer.alloc(0);
  const apply = new FakeJob({ id: "job_apply", runId: "run_1", plan: planFile, ...before });
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
    const { result, logText } = await applied(
      "rm -f ../state/terraform.tfstate; ln -s moved.tfstate ../state/terraform.tfstate",
    );
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 0, counts: { add: 2 } });
    const directory = await keptDirectory();
    expect(result?.errorMessage).toContain(
      `the state that terraform wrote cannot be taken: it is a link; it is kept in the agent's directory ${directory}`,
    );
    expect(logText).toContain("cannot be taken: it is a link");
    expect(await readlink(join(directory, "work", "state", "terraform.tfstate"))).toBe("moved.tfstate");
  });

  test("is none when only its output was made endless: that is read up to a bound, and the state arrives", async () => {
    const { result, states, logText } = await applied("truncate -s 60G /proc/$PPID/fd/1", {
      spec: { maxLogBytes: 100_000n },
    });
    expect(result).toMatchObject({ outcome: JobOutcome.FINISHED, exitCode: 0, errorMessage: "" });
    expect(states.at(-1)?.header.isLast).toBe(true);
    expect(logText.length).toBe(100_000);
  });

  test.each([
    ["is gone", "rm -f ../state/terraform.tfstate", "it is gone"],
    ["is no JSON", "rm -f ../state/terraform.tfstate; echo '{' > ../state/terraform.tfstate", "it is no whole JSON"],
    [
      "has a serial that is no whole number",
      `sed 's/"serial": *[0-9]*/"serial": 1.5/' ../state/terraform.tfstate > s; rm ../state/terraform.tfstate; mv s ../state/terraform.tfstate`,
      "it is no state of format 4",
    ],
  ])("is errored when it %s", async (_name, command, why) => {
    const { result } = await applied(command);
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, errorMessage: expect.stringContaining(why) });
    expect(existsSync(await keptDirectory())).toBe(true);
  });

  test.each([
    [
      "of another lineage",
      `"lineage": *"[^"]*"/"lineage": "other"`,
      `its lineage is other, that of the state before it is ${given.lineage}`,
    ],
    ["that is older", `"serial": *[0-9]*/"serial": 2`, "its serial 2 is lower than 3, that of the state before it"],
  ])("brings a state %s to the control plane aside, and keeps no directory for it", async (_name, change, reason) => {
    const command = `sed 's/${change}/' ../state/terraform.tfstate > s; rm ../state/terraform.tfstate; mv s ../state/terraform.tfstate`;
    const apply = await applied(command, {
      state: given,
      prepare: (job) => {
        job.quarantineReasonOf = ({ asideReason }) => asideReason;
      },
    });
    expect(apply.states.at(-1)?.header).toMatchObject({ asideReason: reason, isLast: false, sequence: 0n });
    expect(apply.result?.outcome).toBe(JobOutcome.ERRORED);
    expect(apply.result?.errorMessage).toContain(`the state that terraform wrote cannot be taken: ${reason}`);
    expect(apply.result?.errorMessage).toContain(`was put aside (${reason})`);
    await eventually(async () => (await place.jobDirectories()).length === 0, "the apply is gone");
  });

  test("is errored when the control plane puts its last state aside", async () => {
    const apply = await applied("true", {
      prepare: (job) => {
        job.quarantineReasonOf = () => "its serial leaves no room for later ones";
      },
    });
    expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 0 });
    expect(apply.result?.errorMessage).toContain("was put aside (its serial leaves no room for later ones)");
  });
});

/** Ends terraform in the middle of writing its file: it truncates it first. */
const cutOff = ": > ../state/terraform.tfstate; kill -9 $PPID";

describeWithTerraform("an apply that is killed while it writes its state", () => {
  test.each([
    ["nothing to keep when there was no state before", undefined],
    ["the state from before as the last one", given],
  ])("has %s", async (_name, state) => {
    const configuration = await place.pack({ "main.tf": onlyMeddling(cutOff) });
    const apply = await planned({ configuration, ...(state === undefined ? {} : { state }) });
    expect(apply.result).toMatchObject({
      outcome: JobOutcome.ERRORED,
      exitCode: 137,
      errorMessage: expect.stringContaining("was ended by SIGKILL"),
      resourcesInFlight: ["terraform_data.meddler"],
      stateSha256: "",
    });
    expect(apply.result?.errorMessage).not.toContain("cannot be taken");
    expect(apply.states).toEqual([]);
    await eventually(async () => (await place.jobDirectories()).length === 0, "the apply is gone");
  });
});

/** Puts this text in the place of the state, after the agent has seen one that terraform wrote. */
const writes = (text: string) =>
  `sleep 1; printf '%s' ${"'"}${text}${"'"} > s; rm -f ../state/terraform.tfstate; mv s ../state/terraform.tfstate`;

describeWithTerraform("an apply that terraform ends well", () => {
  const found = given.content.toString("utf8");

  test.each([
    ["what there was before", found],
    ["the same serial with another content", found.replace("1.5.0", "1.6.0")],
    ["a serial that was used on the way", found.replace('"serial":3', '"serial":4')],
  ])("is applied with %s as its state, whatever was uploaded on the way", async (_name, text) => {
    const apply = await applied(writes(text), { state: given });
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "", counts: { add: 2 } });
    const last = apply.states.at(-1);
    expect(apply.states.length).toBeGreaterThan(1);
    expect(last?.header.isLast).toBe(true);
    expect(last?.content.toString("utf8")).toBe(text);
    expect(apply.result?.stateSha256).toBe(last?.header.sha256);
    const order = apply.states.map(({ header }) => Number(header.sequence));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    await eventually(async () => (await place.jobDirectories()).length === 0, "the apply is gone");
  });

  test("is applied without a word about the state when it is as it was and nothing was uploaded", async () => {
    const command = `cp given s; rm -f ../state/terraform.tfstate; mv s ../state/terraform.tfstate`;
    const configuration = await place.pack({
      given: found,
      "main.tf": `resource "terraform_data" "only" {\n  provisioner "local-exec" {\n    command = ${JSON.stringify(command)}\n  }\n}\n`,
    });
    const plan = await offered(new FakeJob({ id: "job_plan", runId: "run_1", configuration, state: given }));
    const planFile = plan.uploadedPlan?.plan ?? Buffer.alloc(0);
    const apply = await offered(
      new FakeJob({ id: "job_apply", runId: "run_1", configuration, plan: planFile, state: given }),
    );
    expect(apply.result).toMatchObject({
      outcome: JobOutcome.FINISHED,
      stateSerial: 0n,
      stateSha256: "",
      counts: { add: 1 },
    });
    expect(apply.states).toEqual([]);
  });
});

describeWithTerraform("a job whose variables are not given out", () => {
  const plan = async () =>
    new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack({ "main.tf": meddling("true") }) });

  test.each([Code.ResourceExhausted, Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition])(
    "is errored by what cannot heal: %s",
    async (code) => {
      place.controlPlane.variablesRefusals.push(ownRefusal("larger than 4194304 bytes", code));
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
