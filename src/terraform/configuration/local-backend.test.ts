import { lstat, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import { assertLocalBackend, scanConfiguration, writeBackendRecord } from "./configuration.ts";
import { writeLocalBackends } from "./local-backend.ts";

const write = async (dir: string) => writeLocalBackends(dir, (await scanConfiguration(dir)).files);

describe("a local backend takes the place of", () => {
  test.each([
    ['terraform {\n  backend "s3" {\n    bucket = "b" # }\n  }\n}\n', 'terraform {\n  backend "local" {\n\n}\n}\n'],
    ["\ufeffterraform {\r\n  cloud {\r\n  }\r\n}\r\n", '\ufeffterraform {\r\n  backend "local" {\r\n}\r\n}\r\n'],
    [
      'terraform {\n  backend "a" {}\n  required_version = "1"\n}\n/* x */ terraform {\n  backend "b" { x = <<E\n}\nE\n  }\n}\n',
      'terraform {\n  backend "local" {}\n  required_version = "1"\n}\n/* x */ terraform {\n  backend "local" {\n\n\n}\n}\n',
    ],
  ])("%j, line for line", async (before, after) => {
    await using box = await sandbox({ "main.tf": before });
    expect(await write(box.dir)).toBe(true);
    expect(await readFile(box.path("main.tf"), "utf8")).toBe(after);
    expect(await readdir(box.dir)).toEqual(["main.tf"]);
  });

  test("every one of thousands in a file", async () => {
    const before = 'terraform {\n  backend "s3" {\n}\n}\n';
    await using box = await sandbox({ "main.tf": before.repeat(20_000) });
    expect(await write(box.dir)).toBe(true);
    const after = 'terraform {\n  backend "local" {\n}\n}\n';
    expect((await readFile(box.path("main.tf"), "utf8")) === after.repeat(20_000)).toBe(true);
  });

  test("the one behind a link, whose target stays as it is", async () => {
    const text = 'terraform {\n  backend "s3" {}\n}\n';
    await using box = await sandbox({ "shared.tf": text });
    await mkdir(box.path("app"));
    await symlink("../shared.tf", box.path("app", "main.tf"));
    expect(await write(box.path("app"))).toBe(true);
    expect((await lstat(box.path("app", "main.tf"))).isFile()).toBe(true);
    expect(await readFile(box.path("shared.tf"), "utf8")).toBe(text);
  });

  test.each([
    ["in JSON", { "a.tf.json": '{"terraform":{"backend":{"s3":{}}}}' }],
    ["in JSON that hides its names", { "a.tf.json": '{"terraform":{"\\u0062ackend":{"s3":{}}}}' }],
    ["where nobody can find it", { "a.tf": "terraform {\n  backend" }],
    [
      "behind an end of a text that terraform sees and others do not",
      { "a.tf": 'x = <<E\nE\u0085\nterraform {\n  backend "s3" {}\n}\nE\n' },
    ],
    [
      "behind an end of a text that others see and terraform does not",
      { "a.tf": 'x = <<E\nE\ufeff\nterraform {\n  backend "s3" {}\n}\ny = <<E\nE\n' },
    ],
  ])("none that stands %s: then nothing is changed", async (_name, files) => {
    const main = 'terraform {\n  backend "s3" {}\n}\n';
    await using box = await sandbox({ "main.tf": main, ...files });
    expect(await write(box.dir)).toBe(false);
    expect(await readFile(box.path("main.tf"), "utf8")).toBe(main);
  });
});

describeWithTerraform("terraform", () => {
  const data = 'resource "terraform_data" "x" {}\n';
  const blocks = [
    'backend "s3" { bucket = var.bucket }',
    'backend "local" { path = "elsewhere.tfstate" }',
    'backend "nonsense" { a = 1 }',
    'cloud {\n    organization = "o"\n    workspaces { name = "w" }\n  }',
  ];

  test.each(blocks)("keeps its state here, with init or with the record alone, instead of %s", async (block) => {
    const override = 'terraform {\n  backend "local" { path = "theirs.tfstate" }\n}\n';
    for (const hasInit of [true, false]) {
      await using box = await sandbox({ "main.tf": `terraform {\n  ${block}\n}\n${data}`, "a_override.tf": override });
      expect(await write(box.dir)).toBe(true);
      if (hasInit) expect(await box.terraform("init", "-input=false")).toMatchObject({ code: 0 });
      else await writeBackendRecord(box.dir, "1.11.4");
      await assertLocalBackend(box.dir, true);
      expect(await box.terraform("plan", "-out=p")).toMatchObject({ code: 0, stderr: "" });
      expect(await box.terraform("apply", "p")).toMatchObject({ code: 0, stderr: "" });
      expect((await readdir(box.dir)).sort()).toEqual([
        ".terraform",
        "a_override.tf",
        "main.tf",
        "p",
        "terraform.tfstate",
      ]);
    }
  });
});
