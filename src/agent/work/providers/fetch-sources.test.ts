import { writeFile } from "node:fs/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../../test/support/agent/fake-job.ts";
import { ownRefusal } from "../../../../test/support/agent/own-refusal.ts";
import { selfSigned } from "../../../../test/support/certificate.ts";
import { describeWithTerraform } from "../../../../test/support/terraform.ts";
import { JobOutcome } from "../../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

// Jobs see what terraform is told; the mirrors are never asked, as nothing needs a provider.
const teller = `
resource "terraform_data" "teller" {
  provisioner "local-exec" {
    command = "cat $TF_CLI_CONFIG_FILE; grep -c BEGIN $SSL_CERT_FILE | sed s/^/certificates:/"
  }
}`;

const hosts = [{ host: "registry.example.com:9443", token: "hush-hush-9" }];
const sources: NonNullable<NonNullable<FakeJobOptions["providers"]>["sources"]> = [
  { source: { case: "networkMirror", value: "https://mirror.example/" }, include: ["hashicorp/*"] },
  { source: { case: "direct", value: true }, exclude: ["hashicorp/*"] },
];

async function finished(job: FakeJob): Promise<FakeJob> {
  await eventually(() => place.controlPlane.isConnected, "the agent is connected");
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  return job;
}

async function planned(main: string, providers: FakeJobOptions["providers"] = {}) {
  const configuration = await place.pack({ "main.tf": main });
  const plan = await finished(new FakeJob({ id: "job_plan", runId: "run_1", configuration, providers }));
  return { configuration, plan };
}

async function applyAfter({ configuration, plan }: Awaited<ReturnType<typeof planned>>, providers = plan.providers) {
  const file = plan.uploadedPlan?.plan ?? new Uint8Array();
  return new FakeJob({ id: "job_apply", runId: "run_1", configuration, providers, plan: file });
}

describeWithTerraform("what the control plane says of providers", () => {
  test("reaches terraform in its own words, and tokens are not in the log", async () => {
    place.start("a");
    const { cert } = selfSigned(new Date());
    const apply = await finished(await applyAfter(await planned(teller, { sources, hosts, caCertificates: cert })));
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    const text = apply.logText.replace(/\s+/g, " ");
    expect(text).toMatch(/network_mirror \{.*"https:\/\/mirror\.example\/".*include = \[\s?"hashicorp\/\*".*direct \{/);
    expect(text).toMatch(/credentials "registry\.example\.com:9443" \{.*\(sensitive value\)/);
    expect(text).toMatch(/certificates:[1-9]/);
    expect(apply.logText).not.toContain("hush-hush-9");
  });

  test("is asked for until it is given; a token may be good again", async () => {
    place.start("a");
    const configuration = await place.pack({ "main.tf": teller });
    const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration });
    job.providersRefusals.push(ownRefusal("not yet", Code.PermissionDenied), new ConnectError("", Code.Unavailable));
    await finished(job);
    expect(job.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(job.providersRefusals).toEqual([]);
  });

  test("is nothing where the server is too old to say anything", async () => {
    place.start("a");
    const configuration = await place.pack({ "main.tf": teller });
    const job = new FakeJob({ id: "job_plan", runId: "run_1", configuration, providers: { sources } });
    job.providersRefusals.push(ownRefusal("no such method", Code.Unimplemented));
    await finished(job);
    expect(job.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  });

  test("ends the job when it is refused for good, or in words that this agent does not know", async () => {
    place.start("a");
    const configuration = await place.pack({ "main.tf": teller });
    const refused = new FakeJob({ id: "job_refused", runId: "run_1", configuration });
    refused.providersRefusals.push(ownRefusal("the claim is over", Code.FailedPrecondition));
    const newer = new FakeJob({ id: "job_newer", runId: "run_2", configuration, providers: { sources: [{}] } });
    expect((await finished(refused)).result).toMatchObject({
      outcome: JobOutcome.ERRORED,
      errorMessage: expect.stringContaining("where providers come from could not be asked: the claim is over"),
    });
    expect((await finished(newer)).result).toMatchObject({
      outcome: JobOutcome.ERRORED,
      errorMessage: expect.stringContaining("update the agent"),
    });
  });

  test("is hidden in the log after a restart of the agent too, whatever is said by then", async () => {
    const first = place.start("a");
    const go = place.path("go");
    const waiting = `${teller}
resource "terraform_data" "wait" {
  depends_on = [terraform_data.teller]
  provisioner "local-exec" {
    command = "while [ ! -e ${go} ]; do sleep 0.05; done; echo once more; cat $TF_CLI_CONFIG_FILE"
  }
}`;
    const apply = await applyAfter(await planned(waiting, { hosts }));
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("(sensitive value)"), "the apply is under way");
    await first[Symbol.asyncDispose]();
    apply.providers = { hosts: [{ host: "registry.example.com:9443", token: "rotated-since" }] };
    place.start("a");
    await writeFile(go, "");
    await eventually(() => apply.result, "the result of the apply");
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.logText).toContain("once more");
    expect(apply.logText).not.toMatch(/hush-hush-9|rotated-since/);
  });
});
