import { describe, expect, test } from "vitest";
import { describeWithTerraform } from "../../support/terraform.ts";
import { storages, useTerraformStage } from "../../support/terraform-stage.ts";

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

const places = [
  ["cloud", "remote"],
  ["remote", "agent"],
  ["cloud", "local"],
  ["remote", "local"],
] as const;

describeWithTerraform("states through terraform's own client", () => {
  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine });

    test.each(places)(
      "with %s, %s: have outputs, are listed, shown, pulled, moved, removed and tainted",
      async (form, mode) => {
        const { name, run } = await stage.applied(mode, two, form);
        // Of a prefix or a name this backend has the workspace "default" where terraform runs on this machine.
        const inside = form === "remote" && mode === "local" ? "default" : name;
        expect(await run("output")).toMatch(new RegExp(`name\\s+= "${inside}"\\s+secret = <sensitive>`));
        expect(await run("output", "-raw", "secret")).toBe("s3cret");
        expect(JSON.parse(await run("output", "-json"))).toMatchObject({
          secret: { value: "s3cret", sensitive: true },
        });
        expect(await run("state", "list")).toBe("terraform_data.one\nterraform_data.two\n");
        expect(await run("state", "show", "terraform_data.two")).toContain('input  = "two"');
        expect(JSON.parse(await run("state", "pull")).resources).toHaveLength(2);
        expect(await run("show")).toContain("terraform_data.one");
        expect(JSON.parse(await run("show", "-json")).values.root_module.resources).toHaveLength(2);
        await run("state", "mv", "terraform_data.two", "terraform_data.three");
        expect(await run("state", "list")).toContain("terraform_data.three");
        await run("taint", "terraform_data.one");
        expect((await stage.api.state(name)).resources[0]).toMatchObject({ instances: [{ status: "tainted" }] });
        await run("untaint", "terraform_data.one");
        await run("state", "rm", "terraform_data.three");
        expect(await run("state", "list")).toBe("terraform_data.one\n");
        expect(await run("plan")).toContain("Plan: 1 to add, 0 to change, 0 to destroy.");
        expect((await stage.api.getWorkspace(name)).lock).toBeUndefined();
      },
    );

    test.each(places)(
      "with %s, %s: get what is imported, and are pushed, unless they are older or another one's",
      async (form, mode) => {
        const { name, directory, run } = await stage.applied(mode, two, form);
        const pulled = JSON.parse(await run("state", "pull"));
        await stage.terraform.write(directory, { "imported.tf": 'resource "terraform_data" "imported" {}\n' });
        await run("import", "terraform_data.imported", "an-id");
        expect(await run("state", "list")).toContain("terraform_data.imported");
        const read = { input: "terraform_data.two.output\n" };
        expect(await stage.terraform.run(directory, ["console"], read)).toBe('"two"\n');
        const push = async (state: object, ...options: readonly string[]) => {
          await stage.terraform.write(directory, { "pushed.tfstate": JSON.stringify(state) });
          return stage.terraform.call(directory, ["state", "push", ...options, "pushed.tfstate"]);
        };
        const newer = { ...pulled, serial: pulled.serial + 10, resources: pulled.resources.slice(0, 1) };
        expect(await push(newer)).toMatchObject({ code: 0 });
        expect(await run("state", "list")).toBe("terraform_data.one\n");
        expect((await push({ ...pulled, serial: 1 })).stderr).toMatch(/serial/);
        const other = { ...newer, lineage: "11111111-2222-3333-4444-555555555555", serial: 99 };
        expect((await push(other)).stderr).toMatch(/lineage/);
        expect(await run("state", "list")).toBe("terraform_data.one\n");
        const forced = await push(other, "-force");
        // With a cloud block the client forgets to say it: `windlass state push --force` does not.
        if (form === "cloud") return expect(forced.stderr).toMatch(/An owner can replace it with force/);
        expect(forced).toMatchObject({ code: 0 });
        expect(await stage.api.state(name)).toMatchObject({ lineage: other.lineage });
      },
    );

    test("are refreshed", async () => {
      const { run } = await stage.applied("remote", two);
      expect(await run("refresh")).toMatch(/Apply complete|No changes/);
      const local = await stage.applied("local", two);
      expect(await local.run("refresh")).toContain("Refreshing state...");
    });
  });
});
