import { cp, stat } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { smallDisk } from "../../../test/support/agent/small-disk.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
let held: AsyncDisposableStack;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  place = held.use(await AgentPlace.make());
});
afterEach(() => held.disposeAsync());

const reserveBytes = 4 * 1024 * 1024;

const connected = () =>
  eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
const lastState = (job: FakeJob) => JSON.parse(job.states.at(-1)?.content.toString() ?? "{}");
const logged = (text: string) =>
  eventually(() => place.records.some(({ msg }) => typeof msg === "string" && msg.includes(text)), text);

async function planned(configuration: Uint8Array, id = "job_plan"): Promise<FakeJob> {
  const plan = new FakeJob({ id, runId: `run_${id}`, configuration });
  place.controlPlane.offer(plan);
  await eventually(() => plan.result, "the plan's result");
  expect(plan.result?.errorMessage).toBe("");
  return plan;
}

function applyOf({ configuration, uploadedPlan, spec }: FakeJob): FakeJob {
  const plan = uploadedPlan?.plan ?? new Uint8Array();
  return new FakeJob({ id: "job_apply", runId: spec.runId, configuration, plan });
}

describeWithTerraform("when the disk is full", () => {
  test("the reserve makes room for the state; no job is taken until there is space again", async ({ skip }) => {
    const disk = await smallDisk(place.path("a"), 64 * 1024);
    if (disk === undefined) return skip();
    held.use(disk);
    const fill = `dd if=/dev/zero of=filler bs=64k 2>/dev/null; echo filled; while [ ! -e ${place.dir}/go ]; do sleep 0.05; done`;
    const files = {
      "main.tf": `
resource "terraform_data" "filler" {
  provisioner "local-exec" { command = "${fill}" }
}
resource "terraform_data" "after" {
  depends_on = [terraform_data.filler]
  input      = "made when the disk was full"
}`,
    };
    place.start("a", { reserveBytes });
    await connected();
    const plan = await planned(await place.pack(files));
    expect((await stat(place.path("a", "reserve"))).size).toBe(reserveBytes);
    const apply = applyOf(plan);
    place.controlPlane.offer(apply);
    await logged("the reserve was given away");
    place.controlPlane.offer(new FakeJob({ id: "job_other", runId: "run_2", configuration: plan.configuration }));
    await eventually(() => place.controlPlane.declines.at(-1), "the other job is declined");
    expect(place.controlPlane.declines.at(-1)).toMatch(/^disk full: \d\S* \w+ free, \d\S* MiB needed$/);
    await eventually(() => place.controlPlane.heartbeats.at(-1)?.noRoom, "a heartbeat says so");
    await place.write("go");
    await eventually(() => apply.result, "the result of the apply");
    expect(apply.result, apply.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(lastState(apply).resources.map(({ name }: { name: string }) => name)).toEqual(["after", "filler"]);
    await eventually(async () => (await place.jobDirectories()).length === 0, "its directory is gone");
    await eventually(
      () =>
        stat(place.path("a", "reserve")).then(
          () => true,
          () => false,
        ),
      "the reserve is back",
    );
    await eventually(() => place.controlPlane.heartbeats.at(-1)?.noRoom === "", "a heartbeat says that there is room");
    await planned(plan.configuration, "job_later");
  });

  test("a state that terraform could only print is delivered", async ({ skip }) => {
    const text = "x".repeat(60_000);
    const files = { "main.tf": `resource "terraform_data" "large" {\n  input = "${text}"\n}\n` };
    place.start();
    await connected();
    const apply = applyOf(await planned(await place.pack(files)));
    apply.isUndecided = true;
    place.controlPlane.offer(apply);
    await eventually(() => place.controlPlane.startRequests.at(-1)?.claim?.jobId === "job_apply", "it has asked");
    const directory = place.path("a", "jobs", "job_apply-1", "work", "config");
    await cp(directory, place.path("copy"), { recursive: true });
    const disk = await smallDisk(directory, 96);
    if (disk === undefined) return skip();
    held.use(disk);
    await cp(place.path("copy"), directory, { recursive: true });
    // Neither the state nor an emergency one beside the configuration has room.
    const ofState = await smallDisk(place.path("a", "jobs", "job_apply-1", "work", "state"), 32);
    if (ofState === undefined) return skip();
    held.use(ofState);
    place.controlPlane.grant(apply, place.controlPlane.registrations[0]?.incarnation ?? "");
    await eventually(() => apply.states.at(-1)?.header.isLast, "the last state");
    expect(lastState(apply).resources[0].instances[0].attributes.input.value).toBe(text);
    // Only now the directory can be removed.
    for (const small of [disk, ofState]) await small[Symbol.asyncDispose]();
    await eventually(() => apply.result, "its result");
    expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 1 });
  });
});

describeWithTerraform("a state in errored.tfstate", () => {
  test("is delivered as the last one when it is newer", async () => {
    const later = `sed 's/"serial": [0-9]*/"serial": 50/' ../state/terraform.tfstate > errored.tfstate; exit 3`;
    const files = {
      "main.tf": `
resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = ${JSON.stringify(later)} }
}`,
    };
    place.start();
    await connected();
    const apply = applyOf(await planned(await place.pack(files)));
    place.controlPlane.offer(apply);
    await eventually(() => apply.result, "its result");
    expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, stateSerial: 50n });
    expect(apply.states.at(-1)?.header).toMatchObject({ serial: 50n, isLast: true });
  });
});

describeWithTerraform("an apply", () => {
  test("tells what it imported", async () => {
    const files = {
      "main.tf":
        'import {\n  to = terraform_data.old\n  id = "abc"\n}\nresource "terraform_data" "old" {}\nresource "terraform_data" "new" {}\n',
    };
    place.start();
    await connected();
    const plan = await planned(await place.pack(files));
    expect(plan.result?.counts).toMatchObject({ imported: 1, add: 1 });
    const apply = applyOf(plan);
    place.controlPlane.offer(apply);
    await eventually(() => apply.result, "its result");
    expect(apply.result?.counts).toMatchObject({ imported: 1, add: 1, change: 0, destroy: 0 });
  });
});
