import { stat } from "node:fs/promises";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { ownRefusal } from "../../../test/support/agent/own-refusal.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { CloseReason } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const revoked = ownRefusal("the agent token was revoked", Code.Unauthenticated);
const rejected = { kind: "token_rejected" };

const connected = (streams = 0) =>
  eventually(() => place.controlPlane.hellos.length > streams && place.controlPlane.isConnected, "connected");

/** Starts an apply that ends once the file `go` is there. */
async function running(): Promise<FakeJob> {
  const command = `echo ran >> ${place.dir}/executions; echo begun; while [ ! -e ${place.dir}/go ]; do sleep 0.05; done`;
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
  return apply;
}

const sendAway = () => place.controlPlane.send({ case: "close", value: { reason: CloseReason.REVOKED } });

describeWithTerraform("an agent whose token is revoked while it applies", () => {
  test("comes back with its last session after the stream broke, brings everything, and leaves then", async () => {
    const agent = place.start();
    const apply = await running();
    place.controlPlane.knobs.refusal = revoked;
    const streams = place.controlPlane.hellos.length;
    place.controlPlane.disconnect();
    await connected(streams);
    await place.write("go");
    await eventually(() => apply.result, "its result");
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.states.at(-1)?.header.isLast).toBe(true);
    sendAway();
    expect(await agent.done).toMatchObject(rejected);
    expect(await place.jobDirectories()).toEqual([]);
    expect(place.controlPlane.registrations).toHaveLength(1);
  });

  test("does so too as a new process: the session is kept for its user alone", async () => {
    const first = place.start();
    const apply = await running();
    expect((await stat(place.path("a", "session"))).mode & 0o777).toBe(0o600);
    await first[Symbol.asyncDispose]();
    place.controlPlane.knobs.refusal = revoked;
    const streams = place.controlPlane.hellos.length;
    const second = place.start();
    await connected(streams);
    expect(place.controlPlane.hellos.at(-1)?.jobs).toHaveLength(1);
    await place.write("go");
    await eventually(() => apply.result, "its result");
    sendAway();
    expect(await second.done).toMatchObject(rejected);
    expect(await place.read("executions")).toBe("ran\n");
    expect(await place.jobDirectories()).toEqual([]);
  });

  test("and which is not let in at all, stays until terraform has ended, and leaves what it could not deliver", async () => {
    const agent = place.start("a");
    await running();
    place.controlPlane.knobs.refusal = revoked;
    place.controlPlane.knobs.isSessionRefused = true;
    place.controlPlane.disconnect();
    await eventually(() => place.records.some(({ msg }) => msg === "not connected: trying again"), "it tries");
    expect(await Promise.race([agent.done, Promise.resolve("stays")])).toBe("stays");
    await place.write("go");
    await eventually(
      async () => (await place.read("a/jobs/job_apply-1/journal")).includes("step_ended"),
      "terraform has ended",
    );
    expect(await place.jobDirectories()).toHaveLength(1);
  });
});

test("an idle agent whose token is revoked leaves at once, whatever session it had", async () => {
  const agent = place.start();
  await connected();
  place.controlPlane.knobs.refusal = revoked;
  place.controlPlane.disconnect();
  expect(await agent.done).toMatchObject(rejected);
  expect(place.controlPlane.hellos).toHaveLength(1);
});

test("an agent that is told to renew registers anew with the token as it is now, and goes on", async () => {
  const agent = place.start();
  await connected();
  const before = place.controlPlane.registrations.length;
  agent.renew();
  await connected(1);
  expect(place.controlPlane.registrations.length).toBe(before + 1);
  expect(agent.view.isConnected).toBe(true);
});
