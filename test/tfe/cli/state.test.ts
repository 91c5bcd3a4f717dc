import { beforeAll, expect, test } from "vitest";
import { ExecutionMode } from "../../../src/gen/windlass/v1/workspace_pb.ts";
import { freshName } from "../../support/api.ts";
import { useStage } from "../../support/stage.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";
import { until } from "../../support/until.ts";

const two = {
  "main.tf": `
resource "terraform_data" "one" {
  input = 1
}
resource "terraform_data" "two" {
  input = "two"
}
output "name" {
  value = terraform.workspace
}
output "secret" {
  value     = "s3cret"
  sensitive = true
}
`,
};

describeWithTerraform("states through terraform's own client", () => {
  const stage = useStage({ serverAgents: 1 });
  let terraform: TerraformCli;
  beforeAll(async () => {
    terraform = await TerraformCli.open(stage.scene, stage.server);
  });

  async function applied(form?: "cloud" | "remote"): Promise<{ name: string; directory: string }> {
    const name = freshName("ws");
    const directory = await terraform.initialized(name, two, form);
    await terraform.run(directory, ["apply", "-auto-approve"]);
    return { name, directory };
  }

  test("are listed, shown, pulled, moved, removed, tainted and pushed", async () => {
    const { name, directory } = await applied();
    const run = (...argv: string[]) => terraform.run(directory, argv);
    expect(await run("state", "list")).toBe("terraform_data.one\nterraform_data.two\n");
    expect(await run("state", "show", "terraform_data.two")).toContain('input  = "two"');
    const pulled = JSON.parse(await run("state", "pull"));
    expect(pulled.resources).toHaveLength(2);
    expect(await run("show")).toContain("terraform_data.one");
    await run("state", "mv", "terraform_data.two", "terraform_data.three");
    expect(await run("state", "list")).toContain("terraform_data.three");
    await run("taint", "terraform_data.one");
    expect((await stage.server.api.state(name)).resources[0]).toMatchObject({ instances: [{ status: "tainted" }] });
    await run("untaint", "terraform_data.one");
    await run("state", "rm", "terraform_data.three");
    expect(await run("state", "list")).toBe("terraform_data.one\n");
    const next = { ...pulled, serial: pulled.serial + 10 };
    await terraform.write(directory, { "pushed.tfstate": JSON.stringify(next) });
    await run("state", "push", "pushed.tfstate");
    expect(await run("state", "list")).toBe("terraform_data.one\nterraform_data.two\n");
    await terraform.write(directory, { "old.tfstate": JSON.stringify({ ...pulled, serial: 1 }) });
    expect(await terraform.fails(directory, ["state", "push", "old.tfstate"])).toMatch(/serial/);
    await terraform.write(directory, { "other.tfstate": JSON.stringify({ ...next, lineage: "other", serial: 99 }) });
    expect(await terraform.fails(directory, ["state", "push", "other.tfstate"])).toMatch(/lineage/);
  });

  test("have outputs, and sensitive ones for who asks for them by name", async () => {
    const { name, directory } = await applied();
    expect(await terraform.run(directory, ["output"])).toMatch(
      new RegExp(`name\\s+= "${name}"\\s+secret = <sensitive>`),
    );
    expect(await terraform.run(directory, ["output", "-raw", "secret"])).toBe("s3cret");
    expect(JSON.parse(await terraform.run(directory, ["output", "-json"]))).toMatchObject({
      secret: { value: "s3cret" },
    });
  });

  test("get what is imported on the command line, and the console reads them", async () => {
    const { directory } = await applied();
    await terraform.write(directory, { "imported.tf": 'resource "terraform_data" "imported" {}\n' });
    await terraform.run(directory, ["import", "terraform_data.imported", "an-id"]);
    expect(await terraform.run(directory, ["state", "list"])).toContain("terraform_data.imported");
    expect(await terraform.run(directory, ["console"], { input: "terraform_data.two.output\n" })).toBe('"two"\n');
  });

  test.each(["cloud", "remote"] as const)(
    "of a workspace without remote runs are planned and applied here (%s)",
    async (form) => {
      const name = await stage.server.api.workspace({ executionMode: ExecutionMode.LOCAL });
      const directory = await terraform.initialized(name, two, form);
      const said = await terraform.run(directory, ["apply", "-auto-approve"]);
      expect(said).toContain("Apply complete! Resources: 2 added");
      expect(said).not.toContain("Running apply in");
      const state = await stage.server.api.state(name);
      expect(state.resources).toHaveLength(2);
      expect(await stage.server.api.outputs(name)).toMatchObject({ name: form === "cloud" ? name : "default" });
      expect(await terraform.run(directory, ["plan"])).toContain("No changes.");
      expect((await stage.server.api.getWorkspace(name)).lock).toBeUndefined();
    },
  );

  test("of an apply on this machine come while it goes on", async () => {
    const name = await stage.server.api.workspace({ executionMode: ExecutionMode.LOCAL });
    const directory = await terraform.initialized(name, {
      "main.tf": `
# The client counts from the first change on, and brings a state at one that comes 20 s later.
resource "terraform_data" "at_once" {}
resource "terraform_data" "first" {
  depends_on = [terraform_data.at_once]
  provisioner "local-exec" {
    command = "sleep 21"
  }
}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "while ! test -e done; do sleep 0.1; done"
  }
}
`,
    });
    const apply = terraform.start(directory, ["apply", "-auto-approve"]);
    const seen = async () => {
      const state = await stage.server.api.state(name).catch(() => undefined);
      return (state?.resources.length ?? 0) > 0;
    };
    await until("a state of an apply that goes on", seen, { deadlineMs: 60_000, everyMs: 500 });
    expect(apply.isRunning).toBe(true);
    await terraform.write(directory, { done: "" });
    expect(await apply.ended).toMatchObject({ code: 0 });
    expect((await stage.server.api.state(name)).resources).toHaveLength(3);
  });

  test("are read by other configurations: terraform_remote_state, of runs and of this machine", async () => {
    const { name } = await applied();
    await stage.server.api.clients.workspaces.updateWorkspace({
      workspace: name,
      changes: { sharesStateWithOrganization: true },
      updateMask: { paths: ["shares_state_with_organization"] },
    });
    const reading = `
data "terraform_remote_state" "other" {
  backend = "remote"
  config = {
    hostname     = "${terraform.host}"
    organization = "${terraform.organization}"
    workspaces   = { name = "${name}" }
  }
}
output "read" {
  value = data.terraform_remote_state.other.outputs.name
}
`;
    const workspace = await stage.server.api.workspace({ executionMode: ExecutionMode.LOCAL });
    const directory = await terraform.initialized(workspace, { "main.tf": reading });
    await terraform.run(directory, ["apply", "-auto-approve"]);
    expect(await terraform.run(directory, ["output", "-raw", "read"])).toBe(name);
  });
});
