import { mkdir, readFile, stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import { nameThatSortsLast } from "./last-name.ts";
import { type TerraformVariable, variablesOfApply, writeVariables } from "./variables.ts";

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
    const files = await writeVariables(box.path("private"), variables);
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
    const given = await variablesOfApply(variables, {
      ...{ workingDirectory: box.dir, engine: "terraform", version: "1.11.4" },
    });
    expect(given.map(({ name }) => name)).toEqual(["token"]);
    await mkdir(box.path("again"));
    const again = await writeVariables(box.path("again"), given);
    const apply = await box.terraform("apply", "-input=false", "-no-color", `-var-file=${again[0]}`, "p");
    expect(apply).toMatchObject({ code: 0, stderr: "" });
    const state = JSON.parse(await readFile(box.path("terraform.tfstate"), "utf8"));
    expect(state.outputs.all.value).toBe(expected);
  });
});

describe("an apply is given again", () => {
  const two = 'variable "e" {\n  ephemeral = true\n}\nvariable "n" {}\n';
  const named = ["e", "n", "undeclared"].map((name) => ({ name, value: "x", isHcl: false }));
  const json = JSON.stringify({ variable: { e: { ephemeral: true }, n: [{ type: "string" }] } });

  test.each<readonly [string, string, "terraform" | "tofu", string, readonly string[]]>([
    ["nothing where nothing asks for it", 'variable "n" {}', "terraform", "1.11.4", []],
    ["ephemeral variables", two, "terraform", "1.11.4", ["e"]],
    ["all that are declared, of OpenTofu", two, "tofu", "1.9.0", ["e", "n"]],
    ["what a backend may be made of", 'variable "n" {}\nterraform {\n  backend "s3" {}\n}', "tofu", "1.8.0", ["n"]],
    ["nothing of an OpenTofu that takes no variables with a plan", two, "tofu", "1.7.9", []],
    ["all when it cannot be told", 'variable "e" {\n  ephemeral', "terraform", "1.11.4", ["e", "n", "undeclared"]],
  ])("%s", async (_name, main, engine, version, wanted) => {
    await using box = await sandbox({ "main.tf": main });
    const given = await variablesOfApply(named, { workingDirectory: box.dir, engine, version });
    expect(given.map(({ name }) => name)).toEqual(wanted);
  });

  test("what JSON and an override file make ephemeral", async () => {
    const override = 'variable "n" {\n  ephemeral = true\n}\n';
    await using box = await sandbox({ "main.tf.json": json, "override.tf": override });
    const applying = { workingDirectory: box.dir, engine: "terraform", version: "1.11.4" } as const;
    expect((await variablesOfApply(named, applying)).map(({ name }) => name)).toEqual(["e", "n"]);
  });
});

test("no variables: no files; a name that terraform cannot have is refused", async () => {
  expect(await writeVariables("/nowhere", [])).toEqual([]);
  const bad = writeVariables("/nowhere", [{ name: "a = 1\nb", value: "2", isHcl: true }]);
  await expect(bad).rejects.toMatchObject({ code: "validation", metadata: { variable: "a = 1\nb" } });
});

test.each(["no literal", "1\n)\nother = (2", "[1"])(
  "a value that is no expression by itself is refused: %j",
  async (value) => {
    const bad = writeVariables("/nowhere", [{ name: "list", value, isHcl: true }]);
    await expect(bad).rejects.toMatchObject({ code: "validation", metadata: { variable: "list" } });
  },
);

test("a name that sorts last is found, or the name in the way is named", () => {
  expect(nameThatSortsLast([], "windlass", "_override.tf")).toBe("windlass_override.tf");
  expect(nameThatSortsLast(["a_override.tf"], "windlass", "_override.tf")).toBe("windlass_override.tf");
  expect(nameThatSortsLast(["x_override.tf", "override.tf"], "windlass", "_override.tf")).toBe(
    "\u{10ffff}windlass_override.tf",
  );
  expect(() => nameThatSortsLast(["\u{10ffff}".repeat(60)], "windlass", "_override.tf")).toThrow(/rename that file/);
});

test("each text variable stands on a line of its own, so that the line of an error shows no other value", async () => {
  await using box = await sandbox({});
  const [file = ""] = await writeVariables(box.path("."), [
    { name: "password", value: "in the dark\nof two lines", isHcl: false },
    { name: "port", value: "eighty", isHcl: false },
  ]);
  expect(await readFile(file, "utf8")).toBe('{\n"password": "in the dark\\nof two lines",\n"port": "eighty"\n}\n');
});
