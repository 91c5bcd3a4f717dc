import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
let silent: Server;
const sockets: Socket[] = [];
beforeEach(async () => {
  place = await AgentPlace.make();
  silent = createServer((socket) => sockets.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(silent, "listening");
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  for (const socket of sockets.splice(0)) socket.destroy();
  silent.close();
});

/** A plan that reads from a server without an answer: terraform ignores its interrupt meanwhile. */
function stuck(): string {
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return `
data "terraform_remote_state" "stuck" {
  backend = "http"
  config = { address = "http://127.0.0.1:${port}/" }
}
`;
}

const connected = () =>
  eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
const journal = (job = "job_plan-1") => place.read("a", "jobs", job, "journal");
const gone = () => eventually(async () => (await place.jobDirectories()).length === 0, "its directory is gone");

const abandoned = "job abandoned: the control plane gives it away again when its lease is over";

async function stuckPlan(): Promise<FakeJob> {
  const configuration = await place.pack({ "main.tf": stuck() });
  const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration });
  await connected();
  place.controlPlane.offer(plan);
  await eventually(() => sockets.length > 0, "terraform waits for an answer");
  return plan;
}

describeWithTerraform("a plan that does not end", () => {
  test("is ended by force some time after its one interrupt, and told as canceled", async () => {
    place.start("a", { planPatienceMs: 400 });
    const plan = await stuckPlan();
    place.controlPlane.desire(plan, DesiredState.CANCEL);
    await eventually(() => plan.result, "its result");
    expect(plan.result).toMatchObject({
      outcome: JobOutcome.CANCELED,
      errorMessage: "terraform plan was ended by force",
      exitCode: 137,
    });
    expect(plan.logText.match(/Interrupt received/g)).toHaveLength(1);
  });

  test("ends itself when its lease is over without a word, and is forgotten: it is tried elsewhere", async () => {
    place.controlPlane.knobs.leaseMs = 1_500;
    place.start("a", { planPatienceMs: 400 });
    const plan = await stuckPlan();
    await eventually(
      () => place.controlPlane.heartbeats.some(({ jobs }) => jobs.length > 0),
      "a heartbeat tells of it",
    );
    expect(await journal()).not.toContain("fenced");
    place.controlPlane.knobs.isAway = true;
    place.controlPlane.disconnect();
    await eventually(async () => (await journal()).includes("step_interrupted"), "it is interrupted");
    await gone();
    expect(plan.result).toBeUndefined();
    expect(place.records.map(({ msg }) => msg)).toContain(abandoned);
    const before = place.controlPlane.hellos.length;
    place.controlPlane.knobs.isAway = false;
    await eventually(() => place.controlPlane.hellos.length > before, "connected again");
    expect(place.controlPlane.hellos.at(-1)?.jobs).toEqual([]);
  });

  test("that the machine's restart ended is forgotten: it is tried again", async () => {
    const first = place.start("a");
    const plan = await stuckPlan();
    await first[Symbol.asyncDispose]();
    const start = `a/jobs/job_plan-1/steps/plan/start.json`;
    await place.write(start, JSON.stringify({ bootId: "of an earlier run of the machine", isSandboxed: false }));
    place.start("a");
    await gone();
    expect(plan.result).toBeUndefined();
    expect(place.records.map(({ msg }) => msg)).toContain(abandoned);
  });

  test("goes on as long as heartbeats are answered", async () => {
    place.controlPlane.knobs.leaseMs = 1_000;
    place.start("a", { planPatienceMs: 400 });
    const plan = await stuckPlan();
    const { length } = place.controlPlane.heartbeats;
    await eventually(() => place.controlPlane.heartbeats.length > length + 12, "more than two leases have passed");
    expect(await journal()).not.toContain("fenced");
    place.controlPlane.desire(plan, DesiredState.FORCE);
    await eventually(() => plan.result, "its result");
  });

  test("an apply goes on, whatever its lease", async () => {
    place.controlPlane.knobs.leaseMs = 500;
    place.start("a", { planPatienceMs: 200 });
    const command = `echo begun; while [ ! -e ${place.dir}/go ]; do sleep 0.05; done`;
    const files = {
      "main.tf": `resource "terraform_data" "patient" {\n  provisioner "local-exec" { command = "${command}" }\n}\n`,
    };
    const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(files) });
    await connected();
    place.controlPlane.offer(plan);
    await eventually(() => plan.result, "the plan's result");
    const made = plan.uploadedPlan?.plan ?? new Uint8Array();
    const apply = new FakeJob({ id: "job_apply", runId: "run_1", configuration: plan.configuration, plan: made });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("begun"), "the apply has begun");
    place.controlPlane.knobs.isSilent = true;
    const { length } = place.controlPlane.heartbeats;
    await eventually(() => place.controlPlane.heartbeats.length > length + 8, "more than two leases have passed");
    place.controlPlane.knobs.isSilent = false;
    await place.write("go");
    await eventually(() => apply.result, "its result");
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  });
});
