import { existsSync } from "node:fs";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../../test/support/terraform.ts";
import { JobOutcome } from "../../../gen/windlass/agent/v1/job_pb.ts";
import { jobFilesAt } from "../../jobs/files.ts";
import { placeSharedStates, secretsOf } from "./shared-states.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const stateWith = (outputs: Readonly<Record<string, { readonly value: unknown; readonly sensitive?: boolean }>>) => {
  const typed = Object.entries(outputs).map(([name, output]) => [name, { type: "string", ...output }]);
  const rest = { version: 4, terraform_version: "1.5.0", serial: 3, lineage: "l", resources: [], check_results: null };
  return Buffer.from(JSON.stringify({ ...rest, outputs: Object.fromEntries(typed) }));
};

const reader = `
data "terraform_remote_state" "net" {
  backend = "local"
  config  = { path = "\${path.root}/.windlass/states/network.tfstate" }
}
resource "terraform_data" "copy" {
  input = "vpc \${data.terraform_remote_state.net.outputs.vpc}"
}
resource "terraform_data" "late" {
  depends_on = [terraform_data.copy]
  provisioner "local-exec" {
    command = "echo token \${data.terraform_remote_state.net.outputs.token}; stat -c mode-%a .windlass/states/network.tfstate"
  }
}
output "copy" {
  value = terraform_data.copy.output
}
output "token" {
  value = data.terraform_remote_state.net.outputs.token
}
`;

const shared = [
  {
    workspace: "network",
    state: stateWith({ vpc: { value: "vpc-1" }, token: { value: "hush-hush-9", sensitive: true } }),
  },
  { workspace: "vault", problem: "its state is encrypted by OpenTofu" },
];

async function finished(job: FakeJob): Promise<FakeJob> {
  await eventually(() => place.controlPlane.isConnected, "the agent is connected");
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  return job;
}

describeWithTerraform("outputs of other workspaces", () => {
  test("are read by plan and apply from files below the working directory; sensitive ones are not in the log", async () => {
    place.start("a");
    const files = { "infra/main.tf": reader, "infra/.keep": "", "infra/.windlass-not": "" };
    const configuration = await place.pack(files);
    const spec = { workingDirectory: "infra" };
    const plan = await finished(new FakeJob({ id: "job_plan", runId: "run_1", configuration, shared, spec }));
    expect(plan.result?.errorMessage).toBe("");
    expect(plan.logText).toContain("vpc vpc-1");
    expect(plan.logText).toContain("Windlass: outputs of workspace vault cannot be read: its state is encrypted");
    expect(plan.logText).not.toContain("hush-hush-9");
    expect(plan.uploadedPlan?.summary).not.toContain("hush-hush-9");
    const apply = await finished(
      new FakeJob({
        ...{ id: "job_apply", runId: "run_1", configuration, shared, spec },
        plan: plan.uploadedPlan?.plan ?? new Uint8Array(),
      }),
    );
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.logText).toContain("mode-600");
    expect(apply.logText).toContain("token (sensitive value)");
    expect(apply.logText).not.toContain("hush-hush-9");
    expect(apply.states.at(-1)?.content.toString()).toContain("hush-hush-9");
  });

  test("are read under every name that a workspace may have", async () => {
    place.start("a");
    const named = shared.map((one) => ({ ...one, workspace: one.workspace.replace("network", "Prod_net") }));
    const configuration = await place.pack({ "main.tf": reader.replaceAll("network.tfstate", "Prod_net.tfstate") });
    const plan = await finished(new FakeJob({ id: "job_plan", runId: "run_1", configuration, shared: named }));
    expect(plan.result?.errorMessage, plan.logText).toBe("");
    expect(plan.logText).not.toContain("does not share");
  });

  test("that nobody shares are not there, and an uploaded file does not stand for them", async () => {
    place.start("a");
    const files = {
      "main.tf": reader,
      ".windlass/states/network.tfstate": stateWith({ vpc: { value: "x" } }).toString(),
    };
    const from = place.path("upload");
    const configuration = await place.pack(files);
    expect(existsSync(from)).toBe(false);
    const plan = await finished(new FakeJob({ id: "job_plan", runId: "run_1", configuration }));
    expect(plan.result).toMatchObject({ outcome: JobOutcome.ERRORED, exitCode: 1 });
    expect(plan.logText).toContain("Unable to find remote state");
    expect(plan.logText).toMatch(
      /\nWindlass: network does not share its outputs with (\S+), or has no state yet: windlass workspace edit network --share-state-with \1\n/,
    );
  });

  test("hide the same values after a restart of the agent, whatever is shared by then", async () => {
    const first = place.start("a");
    const go = place.path("go");
    const waiting = `${reader}
data "terraform_remote_state" "again" {
  backend    = "local"
  depends_on = [terraform_data.late]
  config     = { path = "\${path.root}/.windlass/states/network.tfstate" }
}
resource "terraform_data" "wait" {
  depends_on = [terraform_data.late]
  provisioner "local-exec" {
    command = "while [ ! -e ${go} ]; do sleep 0.05; done; echo once more \${data.terraform_remote_state.net.outputs.token}"
  }
}`;
    const configuration = await place.pack({ "main.tf": waiting });
    const plan = await finished(new FakeJob({ id: "job_plan", runId: "run_1", configuration, shared }));
    const uploaded = plan.uploadedPlan?.plan ?? new Uint8Array();
    const apply = new FakeJob({ id: "job_apply", runId: "run_1", configuration, shared: [...shared], plan: uploaded });
    place.controlPlane.offer(apply);
    await eventually(() => apply.logText.includes("token (sensitive value)"), "the apply is under way");
    await first[Symbol.asyncDispose]();
    Object.assign(apply, { shared: [] });
    place.start("a");
    await writeFile(go, "");
    await eventually(() => apply.result, "the result of the apply");
    expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(apply.logText).toContain("once more (sensitive value)");
    expect(apply.logText.match(/Windlass: outputs of workspace vault/g)).toHaveLength(1);
    expect(apply.logText).not.toContain("hush-hush-9");
  });
});

describe("placing shared states", () => {
  const states = [
    { workspace: "a", state: "{}", problem: "" },
    { workspace: "b", state: "", problem: "no" },
  ];
  const placed = (found: typeof states) => {
    const files = jobFilesAt(place.path("job"));
    return placeSharedStates({ job: { files }, place: { directory: join(files.work, "config", "app") } }, found);
  };
  const path = (...names: string[]) => place.path("job", "work", ...names);
  const configuration = async (text: string) => {
    for (const name of ["app", "modules/m"]) await mkdir(path("config", name), { recursive: true });
    await writeFile(path("config", "modules", "m", "main.tf"), text);
  };

  test("replaces what was there, whole files only, for this user alone", async () => {
    await configuration("");
    await placed([{ workspace: "old", state: "{}", problem: "" }]);
    await placed(states);
    await placed(states);
    expect(await readdir(path("shared-states"))).toEqual(["a.tfstate"]);
    expect((await stat(path("shared-states", "a.tfstate"))).mode & 0o777).toBe(0o600);
    await placed([]);
    expect(existsSync(path("shared-states"))).toBe(false);
  });

  test("puts nothing into the configuration, unless a file of it says that it reads them there", async () => {
    await configuration('output "f" { value = fileset(path.module, "**") }');
    await placed(states);
    expect(await readdir(path("config", "app"))).toEqual([]);
    await configuration(`config = { path = "\${path.root}/.windlass/states/a.tfstate" }`);
    await placed(states);
    expect(await readdir(path("config", "app", ".windlass", "states"))).toEqual(["a.tfstate"]);
    await configuration("");
    await placed(states);
    expect(await readdir(path("config", "app"))).toEqual([]);
  });

  test("more secrets than a log can hide are named, not hidden in part", () => {
    const large = {
      workspace: "large",
      state: stateWith({ a: { value: "x".repeat(200_000), sensitive: true } }).toString(),
    };
    const small = { workspace: "small", state: stateWith({ a: { value: "secret-1", sensitive: true } }).toString() };
    const found = secretsOf([large, small].map((one) => ({ ...one, problem: "" })));
    expect(found).toEqual({ secrets: ["secret-1"], open: ["large"] });
  });
});
