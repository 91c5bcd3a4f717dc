import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { VariableCategory } from "../src/gen/windlass/v1/variable_pb.ts";
import { toTfeId } from "../src/tfe/core/ids.ts";
import { freshName, refusalOf } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

const env = VariableCategory.ENV;

// biome-ignore lint/suspicious/noTemplateCurlyInString: for terraform it is one
const template = "${literal}";

/** Asks for every fact, in declarations without defaults, and in programs of a plan and of an apply. */
const factsTf = `
variable "TFC_RUN_ID" {}
variable "TFC_WORKSPACE_NAME" {}
variable "TFC_WORKSPACE_SLUG" {}
variable "TFC_PROJECT_NAME" {}
variable "TFC_CONFIGURATION_VERSION_GIT_BRANCH" {}
resource "terraform_data" "facts" {
  provisioner "local-exec" {
    command = "echo $TFC_RUN_ID $TFC_WORKSPACE_NAME $TFC_WORKSPACE_SLUG $TFC_PROJECT_NAME [$TFC_CONFIGURATION_VERSION_GIT_BRANCH]"
  }
}
output "facts" {
  value = [
    var.TFC_RUN_ID, var.TFC_WORKSPACE_NAME, var.TFC_WORKSPACE_SLUG, var.TFC_PROJECT_NAME,
    var.TFC_CONFIGURATION_VERSION_GIT_BRANCH,
  ]
}
`;

describe("variables", () => {
  const stage = useStage();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, {
      pool,
      concurrency: 2,
      sandbox: "auto",
      env: { AGENTS_OWN: "not for jobs" },
    });
  });

  async function workspaceWith(configuration: string): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration(configuration));
    return workspace;
  }

  test("of each type reach terraform, above those in files; sensitive ones are seen nowhere", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("variables");
    const password = "correct-horse-battery-staple";
    await api.set(workspace, [
      { key: "region", value: "us-1" },
      { key: "replicas", value: "7", hcl: true },
      { key: "enabled", value: "false" },
      { key: "zones", value: '["x", "y"]', hcl: true },
      { key: "labels", value: `{ "odd key" = "$${template} \\"quoted\\"" }`, hcl: true },
      { key: "database", value: '{ name = "orders", replicas = ["r1"] }', hcl: true },
      { key: "password", value: password, sensitive: true },
    ]);
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    const outputs = await api.outputs(workspace);
    expect(outputs).toMatchObject({ password: undefined, password_length: password.length });
    expect(outputs.settings).toEqual({
      region: "us-1",
      replicas: 7,
      enabled: false,
      zones: ["x", "y"],
      labels: { "odd key": `${template} "quoted"` },
      database: { name: "orders", size_gb: 10, replicas: ["r1"] },
    });
    const listed = (await api.clients.variables.listVariables({ workspace })).variables;
    expect(listed.find(({ key }) => key === "password")).toMatchObject({ sensitive: true, value: "" });
    expect(listed.find(({ key }) => key === "region")).toMatchObject({ sensitive: false, value: "us-1" });
    expect(await api.wholeLog(run.id)).not.toContain(password);
    expect(stage.scene.report()).not.toContain(password);
    expect(JSON.stringify(await api.state(workspace))).toContain(password);
  });

  test("of one run win over the workspace's", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("hello");
    await api.set(workspace, [{ key: "who", value: "workspace" }]);
    await api.applied(workspace, { variables: [{ key: "who", value: `run ${template}` }] });
    expect(await api.outputs(workspace)).toEqual({ greeting: `hello, run ${template}` });
    await api.applied(workspace);
    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, workspace" });
  });

  test("of the environment reach what terraform starts, beside those of the run, and nothing of the agent's", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("environment");
    const secret = "kept-out-of-every-log";
    await api.set(workspace, [
      { key: "PLAIN", value: "in the open", category: env },
      { key: "HIDDEN", value: secret, category: env, sensitive: true },
      { key: "TF_VAR_from_environment", value: "by TF_VAR", category: env },
    ]);
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await api.outputs(workspace)).toEqual({ run_id: toTfeId(run.id), from_environment: "by TF_VAR" });
    const { text } = await api.log(run.id, RunPhase.APPLY);
    expect(text).toContain("(local-exec): plain: in the open");
    expect(text).toMatch(/\(local-exec\): hidden: (?!kept)/);
    expect(text).not.toContain(secret);
    const names = /\(local-exec\): names: (.*)/.exec(text)?.[1]?.split(" ") ?? [];
    expect(names).toEqual(expect.arrayContaining(["PLAIN", "HIDDEN", "TFC_RUN_ID", "TFC_WORKSPACE_SLUG"]));
    expect(names.filter((name) => name === "AGENTS_OWN" || name.startsWith("WINDLASS"))).toEqual([]);
  });

  test("that tell of a run are in its environment, and in what its configuration declares", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const directory = join(stage.scene.directory, freshName("facts"));
    await mkdir(directory);
    await writeFile(join(directory, "main.tf"), factsTf);
    await api.upload(workspace, directory);
    await api.set(workspace, [
      { key: "TFC_WORKSPACE_NAME", value: "forged", category: env },
      { key: "TFC_PROJECT_NAME", value: "my own" },
    ]);
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    const id = toTfeId(run.id);
    const { organizations } = await api.clients.organizations.listOrganizations({});
    const slug = `${organizations[0]?.name}/${workspace}`;
    expect(await api.outputs(workspace)).toEqual({ facts: [id, workspace, slug, "my own", ""] });
    const { text } = await api.log(run.id, RunPhase.APPLY);
    expect(text).toContain(`(local-exec): ${id} ${workspace} ${slug} Default Project []`);
  });

  test("that are required and missing fail the plan with terraform's own words", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("variables");
    await rm(join(directory, "example.auto.tfvars"));
    await api.upload(workspace, directory);
    const run = await api.applied(workspace);
    expect(run.state).toBe(RunState.ERRORED);
    expect((await api.log(run.id, RunPhase.PLAN)).text).toMatch(/No value for required variable[\s\S]*"region"/);
  });

  test("that are ephemeral are given to the apply again", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("ephemeral");
    await api.set(workspace, [{ key: "token", value: "twelve chars", sensitive: true }]);
    const planned = await api.planned(workspace);
    expect(planned.state).toBe(RunState.PLANNED);
    await api.confirm(planned.id);
    const run = await api.ended(planned.id);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await api.wholeLog(run.id)).not.toContain("twelve chars");
    expect(JSON.stringify(await api.state(workspace))).not.toContain("twelve chars");
  });

  test("that would change how terraform itself is run are refused by name", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    for (const key of ["TF_CLI_ARGS_plan", "TF_DATA_DIR", "LD_PRELOAD"]) {
      const refusal = await refusalOf(api.set(workspace, [{ key, value: "x", category: env }]));
      expect(refusal).toMatchObject({ reason: "VALIDATION", code: "InvalidArgument" });
      expect(refusal.message).toContain(key);
    }
  });
});
