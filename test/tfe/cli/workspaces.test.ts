import { describe, expect, test } from "vitest";
import { ExecutionMode } from "../../../src/gen/windlass/v1/workspace_pb.ts";
import { freshName } from "../../support/api.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { storages, useTerraformStage } from "../../support/terraform-stage.ts";

const one = {
  "main.tf":
    'resource "terraform_data" "one" {\n  input = terraform.workspace\n}\noutput "name" {\n  value = terraform.workspace\n}\n',
};
const asRuns = ["remote", "agent"] as const;

describeWithTerraform("workspaces through terraform's own client", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });

    test.each([
      ["cloud", "tags"],
      ["remote", "a prefix"],
    ] as const)("with %s and %s are made, selected and deleted; one with objects only by force", async (form, _way) => {
      const prefix = `${freshName("t").toLowerCase()}-`;
      const [inside, called] = form === "cloud" ? [`tags = ["${prefix}x"]`, prefix] : [`prefix = "${prefix}"`, ""];
      const directory = await stage.terraform.directory({
        ...one,
        "backend.tf": stage.terraform.backend(inside, form),
      });
      const run = (...argv: string[]) => stage.terraform.run(directory, argv);
      const [a, b, c] = [`${called}a`, `${called}b`, `${called}c`];
      // Only a cloud block asks for the name of the first.
      if (form === "cloud") await stage.terraform.run(directory, ["init"], { input: `${a}\n` });
      else {
        await stage.workspace("remote", { name: `${prefix}a` });
        await stage.terraform.run(directory, ["init", "-input=false"]);
      }
      await run("workspace", "new", b);
      await run("apply", "-auto-approve");
      expect(await run("output", "-raw", "name")).toBe(`${prefix}b`);
      await run("workspace", "select", a);
      expect(await run("workspace", "show")).toBe(`${a}\n`);
      expect(await stage.terraform.fails(directory, ["workspace", "delete", b])).toMatch(
        /not safe|managing resources|not empty/i,
      );
      await run("workspace", "delete", "-force", b);
      expect(await run("workspace", "list")).toBe(`* ${a}\n\n`);
      await run("workspace", "new", c);
      await run("workspace", "select", a);
      await run("workspace", "delete", c);
      expect(await run("workspace", "list")).toBe(`* ${a}\n\n`);
      expect(await stage.terraform.fails(directory, ["workspace", "select", `${called}none`])).toMatch(/doesn't exist/);
    });

    test("of a pool run on its agents, in a sandbox, with the name of the workspace", async () => {
      const pool = await stage.api.pool();
      const agent = await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
      const name = await stage.api.workspace({ agentPool: pool });
      const directory = await stage.terraform.initialized(name, one);
      const said = await stage.terraform.run(directory, ["apply", "-auto-approve"]);
      expect(said).toContain("Resources: 1 added");
      expect(said).toContain(`agent ${agent.name} on `);
      expect(await stage.terraform.run(directory, ["output", "-raw", "name"])).toBe(name);
      expect((await stage.api.getWorkspace(name)).executionMode).toBe(ExecutionMode.AGENT);
    });

    test.each(asRuns)("with a working directory get its parents, too: %s", async (mode) => {
      const name = await stage.workspace(mode, { workingDirectory: "live/prod" });
      const root = await stage.terraform.directory({
        "modules/m/main.tf": 'output "from" {\n  value = "module"\n}\n',
        "live/prod/main.tf":
          'module "m" {\n  source = "../../modules/m"\n}\noutput "from" {\n  value = module.m.from\n}\n',
        "live/prod/backend.tf": stage.terraform.backend(`name = "${name}"`),
      });
      const directory = `${root}/live/prod`;
      await stage.terraform.run(directory, ["init"]);
      await stage.terraform.run(directory, ["apply", "-auto-approve"]);
      expect(await stage.terraform.run(directory, ["output", "-raw", "from"])).toBe("module");
    });

    test("give their variables to runs, with what the command line says before them", async () => {
      const place = await stage.place("remote", {
        "main.tf": 'variable "who" {}\noutput "said" {\n  value = var.who\n}\n',
      });
      await stage.api.set(place.name, [{ key: "who", value: "workspace" }]);
      await place.run("apply", "-auto-approve");
      expect(await place.run("output", "-raw", "said")).toBe("workspace");
      expect(await place.run("plan", "-var=who=line")).toContain('"workspace" -> "line"');
    });
  });

  // The client alone decides what it packs: one engine of storage tells all.
  describe("whose files are packed", () => {
    const stage = useTerraformStage();

    test("keep what .terraformignore names on this machine", async () => {
      const { run } = await stage.applied("remote", {
        "main.tf": 'output "files" {\n  value = join(",", fileset(path.root, "*.txt"))\n}\n',
        ...{ "kept.txt": "", "sent.txt": "", ".terraformignore": "kept.txt\n" },
      });
      expect(await run("output", "-raw", "files")).toBe("sent.txt");
    });
  });
});
