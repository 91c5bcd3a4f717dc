import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

const producer = `
variable "token" {
  sensitive = true
}
resource "terraform_data" "vpc" {
  input = "vpc-of-the-producer"
}
output "vpc" {
  value = terraform_data.vpc.output
}
output "token" {
  value     = var.token
  sensitive = true
}
`;

const consumerOf = (workspace: string) => `
data "terraform_remote_state" "net" {
  backend = "local"
  config  = { path = "\${path.root}/.windlass/states/${workspace}.tfstate" }
}
resource "terraform_data" "app" {
  input = data.terraform_remote_state.net.outputs.vpc
  provisioner "local-exec" {
    command = "echo token is \${data.terraform_remote_state.net.outputs.token}"
  }
}
output "vpc" {
  value = terraform_data.app.output
}
output "files" {
  value = fileset("\${path.root}/.windlass/states", "*")
}
`;

describe("outputs of other workspaces", () => {
  const stage = useStage();
  const token = "hush-of-the-producer";
  let pool = "";
  let network = "";

  beforeAll(async () => {
    const { api } = stage.server;
    pool = await api.pool();
    await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
    network = await workspaceWith({ "main.tf": producer });
    await api.set(network, [{ key: "token", value: token, sensitive: true }]);
    expect(await api.applied(network)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  });

  async function workspaceWith(files: Readonly<Record<string, string>>, workingDirectory = ""): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, workingDirectory });
    const directory = join(stage.scene.directory, freshName("upload"));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
    await api.upload(workspace, directory);
    return workspace;
  }

  const share = async (
    settings: Parameters<typeof stage.server.api.clients.workspaces.updateWorkspace>[0]["changes"],
  ) =>
    stage.server.api.clients.workspaces.updateWorkspace({
      workspace: network,
      changes: settings ?? {},
      updateMask: { paths: ["remote_state_consumers", "shares_state_with_organization"] },
    });

  test("are denied to a workspace that they are not shared with", async () => {
    const { api } = stage.server;
    await share({ remoteStateConsumers: ["somebody-else"] });
    const app = await workspaceWith({ "main.tf": consumerOf(network) });
    const run = await api.planned(app);
    expect(run.state).toBe(RunState.ERRORED);
    expect(await api.wholeLog(run.id)).toContain("Unable to find remote state");
  });

  test("reach plan and apply of a consumer below its working directory, and no log shows a sensitive one", async () => {
    const { api } = stage.server;
    const app = await workspaceWith({ "stacks/app/main.tf": consumerOf(network) }, "stacks/app");
    await share({ remoteStateConsumers: [app] });
    const planned = await api.planned(app);
    expect(planned).toMatchObject({ state: RunState.PLANNED, errorMessage: "" });
    await api.confirm(planned.id);
    const run = await api.ended(planned.id);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await api.outputs(app)).toEqual({ vpc: "vpc-of-the-producer", files: [`${network}.tfstate`] });
    const log = await api.wholeLog(run.id);
    expect(log).toContain("token is (sensitive value)");
    expect(log).not.toContain(token);
    expect(stage.scene.report()).not.toContain(token);
    // What is shared are outputs: nothing of the producer's resources.
    expect(JSON.stringify(await api.state(app))).not.toContain("terraform_data.vpc");
  });

  test("lie in files that every step has: no log says that an apply will not have them", async () => {
    const { api } = stage.server;
    const main = `variable "windlass_shared_states" {}
data "terraform_remote_state" "net" {
  backend = "local"
  config  = { path = "\${var.windlass_shared_states}/${network}.tfstate" }
}
output "vpc" {
  value = data.terraform_remote_state.net.outputs.vpc
}
`;
    const app = await workspaceWith({ "main.tf": main });
    await share({ remoteStateConsumers: [app] });
    const run = await api.applied(app);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await api.wholeLog(run.id)).not.toContain("will NOT have");
  });

  test("of a workspace that shares with everybody are readable until it no longer does", async () => {
    const { api } = stage.server;
    const app = await workspaceWith({ "main.tf": consumerOf(network) });
    await share({ sharesStateWithOrganization: true });
    expect(await api.planned(app, { planOnly: true })).toMatchObject({ state: RunState.PLANNED_AND_FINISHED });
    await share({ sharesStateWithOrganization: false });
    expect(await api.planned(app, { planOnly: true })).toMatchObject({ state: RunState.ERRORED });
  });
});
