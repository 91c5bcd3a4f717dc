import { beforeAll, expect, test } from "vitest";
import { freshName } from "../../support/api.ts";
import { useStage } from "../../support/stage.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";

const greeting = { "main.tf": 'resource "terraform_data" "g" {\n  input = terraform.workspace\n}\n' };

describeWithTerraform("terraform init", () => {
  const stage = useStage({ serverAgents: 1 });
  let terraform: TerraformCli;
  beforeAll(async () => {
    terraform = await TerraformCli.open(stage.scene, stage.server);
  });

  test.each(["cloud", "remote"] as const)(
    "with %s creates a workspace that is named and absent, and finds it again",
    async (form) => {
      const name = freshName("ws");
      const directory = await terraform.directory({
        ...greeting,
        "backend.tf": terraform.backend(`name = "${name}"`, form),
      });
      await terraform.run(directory, ["init"]);
      expect(await stage.server.api.getWorkspace(name)).toMatchObject({ name });
      await terraform.run(directory, ["init"]);
      expect(await terraform.run(directory, ["workspace", "show"])).toMatch(form === "cloud" ? name : "default");
    },
  );

  test("with a prefix finds the workspaces that begin with it, and creates more", async () => {
    const prefix = `${freshName("p")}-`;
    const first = await stage.server.api.workspace({ name: `${prefix}one` });
    const directory = await terraform.directory({
      ...greeting,
      "backend.tf": terraform.backend(`prefix = "${prefix}"`, "remote"),
    });
    await terraform.run(directory, ["init", "-input=false"], { env: { TF_WORKSPACE: "one" } });
    await terraform.run(directory, ["workspace", "select", "one"]);
    await terraform.run(directory, ["workspace", "new", "two"]);
    expect(await stage.server.api.getWorkspace(`${prefix}two`)).toMatchObject({ name: `${prefix}two` });
    const listed = await terraform.run(directory, ["workspace", "list"]);
    expect(listed).toMatch(/^ {2}one$/m);
    expect(listed).toMatch(/^\* two$/m);
    expect(first).toBe(`${prefix}one`);
  });

  test("with tags finds tagged workspaces, and tags those that it makes", async () => {
    const tag = freshName("t").toLowerCase();
    const directory = await terraform.directory({ ...greeting, "backend.tf": terraform.backend(`tags = ["${tag}"]`) });
    await terraform.run(directory, ["init"], { input: `${tag}-a\n` });
    await terraform.run(directory, ["workspace", "new", `${tag}-b`]);
    const listed = await terraform.run(directory, ["workspace", "list"]);
    expect(listed).toMatch(new RegExp(`^  ${tag}-a$`, "m"));
    expect(listed).toMatch(new RegExp(`^\\* ${tag}-b$`, "m"));
    const other = await terraform.directory({ ...greeting, "backend.tf": terraform.backend(`tags = ["${tag}"]`) });
    await terraform.run(other, ["init"], { env: { TF_WORKSPACE: `${tag}-a` } });
    expect(await terraform.run(other, ["workspace", "list"])).toContain(`${tag}-b`);
  });

  test("brings the state that a directory has to the workspace", async () => {
    const name = freshName("ws");
    const directory = await terraform.directory(greeting);
    await terraform.run(directory, ["init"]);
    await terraform.run(directory, ["apply", "-auto-approve"]);
    await terraform.write(directory, { "backend.tf": terraform.backend(`name = "${name}"`) });
    const said = await terraform.run(directory, ["init"], { input: "yes\n" });
    expect(said).toMatch(/initialized/);
    expect(await terraform.run(directory, ["state", "list"])).toBe("terraform_data.g\n");
    expect((await stage.server.api.state(name)).resources).toHaveLength(1);
  });

  test("says what is wrong: no organization of this name, no token, a workspace of another version", async () => {
    const name = freshName("ws");
    const backend = terraform.backend(`name = "${name}"`);
    const elsewhere = await terraform.directory({
      "main.tf": backend.replace(`"${terraform.organization}"`, '"nobody"'),
    });
    expect(await terraform.fails(elsewhere, ["init"])).toMatch(/organization "nobody".*not found/);
    const stranger = await TerraformCli.open(stage.scene, stage.server, { token: "wdl_usr_nobody" });
    expect(await stranger.fails(await stranger.directory({ "main.tf": backend }), ["init"])).toMatch(/unauthorized/i);
    const directory = await terraform.directory({ ...greeting, "backend.tf": backend });
    await stage.server.api.workspace({ name, engineVersion: "1.5.0" });
    await terraform.run(directory, ["init"]);
    expect(await terraform.fails(directory, ["state", "rm", "terraform_data.g"])).toMatch(
      /Incompatible Terraform version.*1\.5\.0/,
    );
  });
});
