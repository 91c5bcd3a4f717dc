import { beforeAll, expect, test } from "vitest";
import { ExecutionMode } from "../../../src/gen/windlass/v1/workspace_pb.ts";
import { freshName } from "../../support/api.ts";
import { useStage } from "../../support/stage.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";

const one = {
  "main.tf":
    'resource "terraform_data" "one" {\n  input = terraform.workspace\n}\noutput "name" {\n  value = terraform.workspace\n}\n',
};

describeWithTerraform("workspaces through terraform's own client", () => {
  const stage = useStage({ serverAgents: 1 });
  let terraform: TerraformCli;
  beforeAll(async () => {
    terraform = await TerraformCli.open(stage.scene, stage.server);
  });

  test("with tags are made, selected and deleted; one with objects only by force", async () => {
    const tag = freshName("t").toLowerCase();
    const directory = await terraform.directory({ ...one, "backend.tf": terraform.backend(`tags = ["${tag}"]`) });
    await terraform.run(directory, ["init"], { input: `${tag}-a\n` });
    await terraform.run(directory, ["workspace", "new", `${tag}-b`]);
    await terraform.run(directory, ["apply", "-auto-approve"]);
    expect(await terraform.run(directory, ["output", "-raw", "name"])).toBe(`${tag}-b`);
    await terraform.run(directory, ["workspace", "select", `${tag}-a`]);
    expect(await terraform.run(directory, ["workspace", "show"])).toBe(`${tag}-a\n`);
    expect(await terraform.fails(directory, ["workspace", "delete", `${tag}-b`])).toMatch(
      /not safe|managing resources|not empty/i,
    );
    await terraform.run(directory, ["workspace", "delete", "-force", `${tag}-b`]);
    expect(await terraform.run(directory, ["workspace", "list"])).not.toContain(`${tag}-b`);
    await terraform.run(directory, ["workspace", "new", `${tag}-c`]);
    await terraform.run(directory, ["workspace", "select", `${tag}-a`]);
    await terraform.run(directory, ["workspace", "delete", `${tag}-c`]);
  });

  test("of a pool run on its agents, with the name of the workspace", async () => {
    const pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
    const name = await stage.server.api.workspace({ agentPool: pool });
    const directory = await terraform.initialized(name, one);
    expect(await terraform.run(directory, ["apply", "-auto-approve"])).toContain("Resources: 1 added");
    expect(await terraform.run(directory, ["output", "-raw", "name"])).toBe(name);
    expect((await stage.server.api.getWorkspace(name)).executionMode).toBe(ExecutionMode.AGENT);
  });

  test("with a working directory get its parents, too", async () => {
    const name = await stage.server.api.workspace({ workingDirectory: "live/prod" });
    const root = await terraform.directory({
      "modules/m/main.tf": 'output "from" {\n  value = "module"\n}\n',
      "live/prod/main.tf":
        'module "m" {\n  source = "../../modules/m"\n}\noutput "from" {\n  value = module.m.from\n}\n',
      "live/prod/backend.tf": terraform.backend(`name = "${name}"`),
    });
    const directory = `${root}/live/prod`;
    await terraform.run(directory, ["init"]);
    await terraform.run(directory, ["apply", "-auto-approve"]);
    expect(await terraform.run(directory, ["output", "-raw", "from"])).toBe("module");
  });

  test("keep what .terraformignore names on this machine", async () => {
    const name = freshName("ws");
    const directory = await terraform.initialized(name, {
      "main.tf": 'output "files" {\n  value = join(",", fileset(path.root, "*.txt"))\n}\n',
      ...{ "kept.txt": "", "sent.txt": "", ".terraformignore": "kept.txt\n" },
    });
    await terraform.run(directory, ["apply", "-auto-approve"]);
    expect(await terraform.run(directory, ["output", "-raw", "files"])).toBe("sent.txt");
  });
});
