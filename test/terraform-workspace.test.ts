import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { describeWithTerraform } from "./support/terraform.ts";

const resource = `
resource "terraform_data" "one" {
  input = terraform.workspace
  provisioner "local-exec" {
    command = "env | grep TF_WORKSPACE || echo nothing to inherit"
  }
}
output "name" {
  value = terraform.workspace
}
output "files" {
  value = fileset(path.root, "*")
}
`;

/** Each asks for another way to begin. */
const configurations = {
  "nothing to initialize": { "main.tf": resource },
  "a backend block": { "main.tf": `terraform {\n  backend "s3" {}\n}\n${resource}` },
  "a cloud block": { "main.tf": `terraform {\n  cloud {\n    organization = "o"\n  }\n}\n${resource}` },
  "a module to install": { "main.tf": `module "m" {\n  source = "./m"\n}\n${resource}`, "m/main.tf": "" },
  "a cloud block and a module to install": {
    "main.tf": `terraform {\n  cloud {\n    organization = "o"\n  }\n}\nmodule "m" {\n  source = "./m"\n}\n${resource}`,
    "m/main.tf": "",
  },
  "a backend block in JSON and a module to install": {
    "main.tf": `module "m" {\n  source = "./m"\n}\n${resource}`,
    ...{ "backend.tf.json": '{"terraform":{"backend":{"s3":{}}}}', "m/main.tf": "" },
  },
  "a module that asks": {
    "main.tf": 'module "m" {\n  source = "./m"\n}\noutput "name" {\n  value = module.m.name\n}\n',
    "m/main.tf": 'output "name" {\n  value = terraform.workspace\n}\n',
  },
} as const;

describeWithTerraform("terraform.workspace", () => {
  const stage = useStage();
  let pool = "";
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
  });

  async function upload(workspace: string, files: Readonly<Record<string, string>>): Promise<void> {
    const directory = join(stage.scene.directory, freshName("upload"));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
    await stage.server.api.upload(workspace, directory);
  }

  async function push(workspace: string, state: Uint8Array): Promise<void> {
    const sha256 = createHash("sha256").update(state).digest("hex");
    const header = { workspace, sizeBytes: BigInt(state.length), sha256 };
    async function* parts() {
      yield { part: { case: "header" as const, value: header } };
      yield { part: { case: "chunk" as const, value: state } };
    }
    await stage.server.api.clients.states.uploadState(parts());
  }

  const applied = { state: RunState.APPLIED, errorMessage: "" };

  test.each(Object.entries(configurations))(
    "is the name of the workspace with %s, in plan, apply, the next plan and destroy",
    async (_what, files) => {
      const { api } = stage.server;
      const workspace = await api.workspace({ agentPool: pool });
      await upload(workspace, files);
      const first = await api.applied(workspace);
      expect(first).toMatchObject(applied);
      expect(await api.outputs(workspace)).toMatchObject({ name: workspace });
      expect((await api.outputs(workspace)).files ?? []).not.toContain("terraform.tfstate");
      expect(await api.wholeLog(first.id)).not.toContain("TF_WORKSPACE=");
      expect(await api.planned(workspace)).toMatchObject({ state: RunState.PLANNED_AND_FINISHED, errorMessage: "" });
      expect(await api.applied(workspace, { destroy: true })).toMatchObject(applied);
      expect((await api.state(workspace)).resources).toEqual([]);
    },
  );

  test("is what it was when the plan was made, although the workspace has got another name since", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await upload(workspace, { "main.tf": resource });
    const { id } = await api.planned(workspace);
    const renamed = freshName("renamed");
    await api.clients.workspaces.updateWorkspace({
      workspace,
      changes: { name: renamed },
      updateMask: { paths: ["name"] },
    });
    await api.confirm(id);
    expect(await api.ended(id)).toMatchObject(applied);
    expect(await api.outputs(renamed)).toMatchObject({ name: workspace });
    expect(await api.applied(renamed)).toMatchObject(applied);
    expect(await api.outputs(renamed)).toMatchObject({ name: renamed });
  });

  test.each(["default", `0${"-a".repeat(30)}b9`])("may be %s, and goes on with a state from before", async (name) => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, name });
    await upload(workspace, { "main.tf": 'terraform {\n  backend "local" {}\n}\n'.concat(resource) });
    const instance = { attributes: { id: "i-1", input: { value: "default", type: "string" } }, schema_version: 0 };
    const before = {
      ...{ version: 4, terraform_version: "1.11.4", serial: 7, lineage: "from-before", check_results: null },
      outputs: { name: { value: "default", type: "string" } },
      resources: [
        {
          ...{ mode: "managed", type: "terraform_data", name: "one", instances: [instance] },
          provider: 'provider["terraform.io/builtin/terraform"]',
        },
      ],
    };
    await push(workspace, Buffer.from(JSON.stringify(before)));
    expect(await api.applied(workspace)).toMatchObject(applied);
    const state = await api.state(workspace);
    expect(state).toMatchObject({ lineage: "from-before" });
    expect(JSON.stringify(state.resources)).toContain('"id":"i-1"');
    expect(await api.outputs(workspace)).toMatchObject({ name });
  });
});
