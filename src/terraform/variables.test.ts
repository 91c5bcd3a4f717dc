import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { nameThatSortsLast } from "./last-name.ts";
import { describeWithTerraform, sandbox } from "./testing.ts";
import { type TerraformVariable, writeApplyVariables, writePlanVariables } from "./variables.ts";

const configuration = `
variable "text" { type = string }
variable "number" { type = number }
variable "list" { type = list(string) }
variable "object" { type = any }
variable "heredoc" { type = string }
variable "last" { default = "default" }
variable "token" {
  type      = string
  ephemeral = true
}
output "all" { value = jsonencode([var.text, var.number, var.list, var.object, var.heredoc, var.last]) }
`;

const variables: readonly TerraformVariable[] = [
  { name: "text", value: `\${path.module} %{if} "quoted" \\ back\nline é`, isHcl: false },
  { name: "number", value: "42", isHcl: false },
  { name: "list", value: '["a", "b"] # a comment', isHcl: true },
  { name: "object", value: '{\n  a = 1\n  b = { "c d" = null }\n}', isHcl: true },
  { name: "heredoc", value: "<<-EOT\n  x\n    y\n  EOT", isHcl: true },
  { name: "last", value: "overridden", isHcl: false },
  { name: "last", value: "wins", isHcl: false },
  { name: "token", value: "ephemeral-token", isHcl: false },
];

const expected = JSON.stringify([
  `\${path.module} %{if} "quoted" \\ back\nline é`,
  42,
  ["a", "b"],
  { a: 1, b: { "c d": null } },
  "x\n  y\n",
  "wins",
]);

describeWithTerraform("variables reach terraform as they are", () => {
  test("in a plan over everything else, and in its apply", async () => {
    await using box = await sandbox({
      "main.tf": configuration,
      "terraform.tfvars": 'text = "tfvars"\nlast = "tfvars"\n',
      "~z.auto.tfvars": 'last = "auto"\n',
      "ÿ.auto.tfvars.json": '{"last":"auto"}',
    });
    await mkdir(box.path("private"));
    const files = await writePlanVariables(box.path("private"), variables);
    expect((await stat(files[0] ?? "")).mode & 0o777).toBe(0o600);
    const plan = await box.terraform(
      "plan",
      "-input=false",
      "-no-color",
      "-out=p",
      ...files.map((file) => `-var-file=${file}`),
    );
    expect(plan.stderr).toBe("");
    const refused = await box.terraform("apply", "-input=false", "-no-color", "p");
    expect(refused.stderr).toContain("No value for required variable");
    const written = await writeApplyVariables(box.dir, variables);
    expect((await stat(written[1] ?? "")).mode & 0o777).toBe(0o600);
    const apply = await box.terraform("apply", "-input=false", "-no-color", "p");
    expect(apply).toMatchObject({ code: 0, stderr: "" });
    const state = JSON.parse(await readFile(box.path("terraform.tfstate"), "utf8"));
    expect(state.outputs.all.value).toBe(expected);
  });

  test("an auto.tfvars file that sorts last is the one terraform believes", async () => {
    await using box = await sandbox({ "main.tf": 'variable "last" {}\noutput "o" { value = var.last }\n' });
    await writeFile(box.path("\u{10ffff}.auto.tfvars"), 'last = "theirs"\n');
    await writeApplyVariables(box.dir, [{ name: "last", value: '"ours"', isHcl: true }]);
    expect((await box.terraform("plan", "-no-color")).stdout).toContain('o = "ours"');
  });
});

test("no variables: no files; a name that terraform cannot have is refused", async () => {
  expect(await writePlanVariables("/nowhere", [])).toEqual([]);
  const bad = writePlanVariables("/nowhere", [{ name: "a = 1\nb", value: "2", isHcl: true }]);
  await expect(bad).rejects.toMatchObject({ code: "validation", metadata: { variable: "a = 1\nb" } });
});

test("a name that sorts last is found, or the name in the way is named", () => {
  expect(nameThatSortsLast([], "windlass", "_override.tf")).toBe("windlass_override.tf");
  expect(nameThatSortsLast(["a_override.tf"], "windlass", "_override.tf")).toBe("windlass_override.tf");
  expect(nameThatSortsLast(["x_override.tf", "override.tf"], "windlass", "_override.tf")).toBe(
    "\u{10ffff}windlass_override.tf",
  );
  expect(() => nameThatSortsLast(["\u{10ffff}".repeat(60)], "windlass", "_override.tf")).toThrow(/rename that file/);
});
