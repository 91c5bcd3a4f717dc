import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { freshName } from "../../support/api.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";
import { storages, useTerraformStage } from "../../support/terraform-stage.ts";

const greeting = { "main.tf": 'resource "terraform_data" "g" {\n  input = "hello"\n}\n' };
const forms = ["cloud", "remote"] as const;

describeWithTerraform("terraform init", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });
    const at = (inside: string, form?: "cloud" | "remote") =>
      stage.terraform.directory({ ...greeting, "backend.tf": stage.terraform.backend(inside, form) });

    test.each(forms)("with %s creates a workspace that is named and absent, and finds it again", async (form) => {
      const name = freshName("ws");
      const directory = await at(`name = "${name}"`, form);
      await stage.terraform.run(directory, ["init"]);
      expect(await stage.api.getWorkspace(name)).toMatchObject({ name, engineVersion: "1.11.4" });
      await stage.terraform.run(directory, ["init"]);
      expect(await stage.terraform.run(directory, ["workspace", "show"])).toMatch(form === "cloud" ? name : "default");
    });

    test.each(forms)("with %s finds a workspace that is there", async (form) => {
      for (const mode of ["remote", "agent", "local"] as const) {
        const name = await stage.workspace(mode);
        const before = await stage.api.getWorkspace(name);
        await stage.terraform.run(await at(`name = "${name}"`, form), ["init"]);
        expect(await stage.api.getWorkspace(name)).toEqual(before);
      }
    });

    test("with a prefix finds the workspaces that begin with it, and creates more", async () => {
      const prefix = `${freshName("p")}-`;
      await stage.workspace("remote", { name: `${prefix}one` });
      await stage.workspace("remote", { name: `${prefix}three` });
      const directory = await at(`prefix = "${prefix}"`, "remote");
      const run = (...argv: string[]) => stage.terraform.run(directory, argv);
      await stage.terraform.run(directory, ["init", "-input=false"], { env: { TF_WORKSPACE: "one" } });
      await run("workspace", "select", "one");
      await run("workspace", "new", "two");
      expect(await stage.api.getWorkspace(`${prefix}two`)).toMatchObject({ name: `${prefix}two` });
      expect(await run("workspace", "list")).toBe("  one\n  three\n* two\n\n");
    });

    test("with tags finds tagged workspaces, and tags those that it makes", async () => {
      const tag = freshName("t").toLowerCase();
      const directory = await at(`tags = ["${tag}"]`);
      await stage.terraform.run(directory, ["init"], { input: `${tag}-a\n` });
      await stage.terraform.run(directory, ["workspace", "new", `${tag}-b`]);
      const listed = await stage.terraform.run(directory, ["workspace", "list"]);
      expect(listed).toBe(`  ${tag}-a\n* ${tag}-b\n\n`);
      const other = await at(`tags = ["${tag}"]`);
      await stage.terraform.run(other, ["init"], { env: { TF_WORKSPACE: `${tag}-a` } });
      expect(await stage.terraform.run(other, ["workspace", "list"])).toContain(`${tag}-b`);
    });

    test("with tags that have values finds and makes workspaces that have them", async () => {
      const key = freshName("k").toLowerCase();
      const inside = `tags = {\n  ${key} = "one"\n}`;
      const directory = await at(inside);
      await stage.terraform.run(directory, ["init"], { input: `${key}-a\n` });
      expect(await stage.terraform.run(directory, ["workspace", "list"])).toBe(`* ${key}-a\n\n`);
      const other = await at(inside.replace('"one"', '"two"'));
      await stage.terraform.run(other, ["init"], { input: `${key}-b\n` });
      expect(await stage.terraform.run(other, ["workspace", "list"])).toBe(`* ${key}-b\n\n`);
    });

    test("in the project that there is; another one is not made", async () => {
      const name = freshName("ws");
      const directory = await at(`name = "${name}"\n project = "Default Project"`);
      await stage.terraform.run(directory, ["init"]);
      expect(await stage.terraform.run(directory, ["apply", "-auto-approve"])).toContain("1 added");
      const elsewhere = await at(`name = "${freshName("ws")}"\n project = "Networks"`);
      expect(await stage.terraform.fails(elsewhere, ["init"])).toMatch(/Networks/);
    });

    test.each(forms)("with %s brings the state that a directory has to the workspace", async (form) => {
      for (const mode of ["remote", "agent", "local"] as const) {
        const name = await stage.workspace(mode);
        const directory = await stage.terraform.directory(greeting);
        await stage.terraform.run(directory, ["init"]);
        await stage.terraform.run(directory, ["apply", "-auto-approve"]);
        const { resources } = JSON.parse(await readFile(`${directory}/terraform.tfstate`, "utf8"));
        await stage.terraform.write(directory, { "backend.tf": stage.terraform.backend(`name = "${name}"`, form) });
        const said = await stage.terraform.run(directory, ["init"], { input: "yes\n" });
        expect(said).toMatch(/initialized/);
        expect(await stage.terraform.run(directory, ["state", "list"])).toBe("terraform_data.g\n");
        expect(await stage.api.state(name)).toMatchObject({ resources });
        expect(await stage.terraform.run(directory, ["plan"])).toContain("No changes.");
      }
    });

    test("with nothing but the environment finds a workspace that is there", async () => {
      const name = await stage.workspace("agent");
      const directory = await stage.terraform.directory({ ...greeting, "cloud.tf": "terraform {\n  cloud {}\n}\n" });
      const { host: TF_CLOUD_HOSTNAME, organization: TF_CLOUD_ORGANIZATION } = stage.terraform;
      const env = { TF_CLOUD_HOSTNAME, TF_CLOUD_ORGANIZATION, TF_WORKSPACE: name, TF_CLOUD_PROJECT: "Default Project" };
      await stage.terraform.run(directory, ["init", "-input=false"], { env });
      expect(await stage.terraform.run(directory, ["apply", "-auto-approve"], { env })).toContain("1 added");
      expect((await stage.api.state(name)).resources).toHaveLength(1);
    });

    test("says what is wrong: no organization of this name, no token, a workspace of another version", async () => {
      const name = freshName("ws");
      const backend = stage.terraform.backend(`name = "${name}"`);
      const elsewhere = await stage.terraform.directory({
        "main.tf": backend.replace(`"${stage.terraform.organization}"`, '"nobody"'),
      });
      expect(await stage.terraform.fails(elsewhere, ["init"])).toMatch(/organization "nobody".*not found/);
      const stranger = await TerraformCli.open(stage.scene, stage.server, { token: "wdl_usr_nobody" });
      const forbidden = await stranger.directory({ "main.tf": backend });
      expect(await stranger.fails(forbidden, ["init"])).toMatch(/unauthorized/i);
      // A token of the environment goes before that of the settings.
      const token = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
      await stranger.run(forbidden, ["init"], { env: { [`TF_TOKEN_${stranger.host}`]: token } });
      const old = await stage.workspace("remote", { engineVersion: "1.5.0" });
      const directory = await at(`name = "${old}"`);
      await stage.terraform.run(directory, ["init"]);
      expect(await stage.terraform.fails(directory, ["state", "rm", "terraform_data.g"])).toMatch(
        /Incompatible Terraform version.*1\.5\.0/,
      );
    });
  });
});
