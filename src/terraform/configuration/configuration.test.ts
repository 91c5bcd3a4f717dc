import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import {
  assertLocalBackend,
  overrideBackend,
  scanConfiguration,
  stripUpload,
  writeBackendRecord,
} from "./configuration.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-configuration-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const scan = async (text: string, name = "main.tf") => {
  await writeFile(join(dir, name), text);
  const { initReasons, hasBackendBlock } = await scanConfiguration(dir);
  return [...initReasons, ...(hasBackendBlock ? ["backend"] : [])].join(" ");
};

const data = 'resource "terraform_data" "a" { input = 1 }\n';

describe("what a configuration asks for", () => {
  test.each([
    ["more blocks than are looked at", "locals {}\n".repeat(60_000), "unreadable backend"],
    ["more attributes than are looked at", `locals {\n${"a = 1\n".repeat(60_000)}}\n`, "unreadable backend"],
    ["only the built-in provider", data, ""],
    ["words in comments", `${data}# module "x" {}\n// backend "s3" {}\n/* provider "aws" {}\n*/`, ""],
    [
      "words in strings",
      `${data}output "module" { value = "} module \\"x\\" { \${join("}", ["{ \\"", "module"])} $\${x" }`,
      "",
    ],
    ["words in a heredoc", `locals {\n  x = <<-EOT\n  module "x" {\n  EOT\n}\n${data}`, ""],
    ["nested expressions", 'locals { a = { for k, v in { x = [1, (2)] } : k => v if v != "}" } }', ""],
    ["a version", 'terraform { required_version = ">= 1.4.0" }', ""],
    [
      "variables with blocks",
      'variable "backend" {\n  validation {\n    condition = true\n    error_message = "m"\n  }\n}',
      "",
    ],
    ["a check", 'check "c" {\n  assert {\n    condition = true\n    error_message = "e"\n  }\n}', ""],
    ["an s3 backend", 'terraform {\n  backend "s3" {\n    bucket = "b"\n  }\n}', "backend"],
    ["a backend after a comment on one line", 'terraform { /* x */ backend "s3" { bucket = "b" } }', "backend"],
    ["a cloud block", "terraform {\n  cloud {}\n}", "backend"],
    ["a module", 'module "a" { source = "./a" }', "module"],
    ["a module with a bare label", 'module a { source = "./a" }', "module"],
    ["another provider's resource", 'resource "aws_s3_bucket" "b" {}', "provider"],
    ["another provider's data", 'data "http" "b" {}', "provider"],
    ["another provider's data in a check", 'check "c" {\n  data "http" "x" { url = "u" }\n}', "provider"],
    [
      "required providers",
      'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}',
      "provider",
    ],
    ["a provider block", 'provider "aws" {}', "provider"],
    ["a chosen provider", 'resource "terraform_data" "a" { provider = aws.x }', "provider"],
    ["an unknown block", 'action "x" "y" {}', "provider"],
    ["an import", 'import { to = aws_x.y\n id = "1" }', "provider"],
    ["a syntax error", 'resource "terraform_data" "a" {', "unreadable backend"],
    ["a string without end", 'output "x { value = 1 }', "unreadable backend"],
    ["a comment without end", "/* x", "unreadable backend"],
    ["absurd nesting", "a {".repeat(5000), "unreadable backend"],
  ])("%s", async (_, text, expected) => {
    expect(await scan(text)).toBe(expected);
  });

  test.each([
    ["values", `{"locals":[${"{},".repeat(600_000)}{}]}`],
    ["levels", `{"locals":${"[".repeat(2_000)}${"]".repeat(2_000)}}`],
    ["bytes", JSON.stringify({ locals: { a: "x".repeat(5 * 1024 * 1024) } })],
  ])("in JSON, everything where there are more %s than are looked at", async (_, text) => {
    expect(await scan(text, "main.tf.json")).toBe("unreadable backend");
  });

  test.each([
    ['{"resource":{"terraform_data":{"a":{"input":1}}},"//":"x"}', ""],
    ['{"resource":[{"terraform_data":[{"a":[{"provider":"aws"}]}]}]}', "provider"],
    ['{"data":{"http":{"a":{}}}}', "provider"],
    ['{"terraform":[{"backend":{"s3":{}}}]}', "backend"],
    ['{"terraform":{"cloud":{},"required_version":"1"}}', "backend"],
    ['{"module":{"a":{"source":"./a"}}}', "module"],
    ["{", "unreadable backend"],
  ])("JSON %s", async (text, expected) => {
    expect(await scan(text, "main.tf.json")).toBe(expected);
  });

  test("a lock file, a link to nowhere, and files terraform skips", async () => {
    await writeFile(join(dir, ".hidden.tf"), 'module "x" {}');
    await writeFile(join(dir, "main.tf~"), 'module "x" {}');
    await writeFile(join(dir, "notes.txt"), 'module "x" {}');
    expect(await scanConfiguration(dir)).toEqual({
      needsInit: false,
      initReasons: [],
      hasBackendBlock: false,
      files: [],
    });
    await writeFile(join(dir, ".terraform.lock.hcl"), "");
    await symlink("nowhere", join(dir, "link.tf"));
    expect((await scanConfiguration(dir)).initReasons).toEqual(["unreadable", "lock-file"]);
  });
});

test("an upload loses its state files, .windlass and .terraform, but keeps its modules", async () => {
  await mkdir(join(dir, ".terraform/modules"), { recursive: true });
  await mkdir(join(dir, "terraform.tfstate.d/x"), { recursive: true });
  for (const name of [
    "terraform.tfstate",
    "terraform.tfstate.backup",
    "errored.tfstate",
    ".terraform.tfstate.lock.info",
    "main.tf",
  ]) {
    await writeFile(join(dir, name), "");
  }
  await writeFile(join(dir, ".terraform/terraform.tfstate"), "");
  await writeFile(join(dir, ".terraform/modules/modules.json"), '{"Modules":[]}');
  await mkdir(join(dir, ".windlass/states"), { recursive: true });
  await writeFile(join(dir, ".windlass/states/network.tfstate"), "");
  expect(await stripUpload(dir)).toHaveLength(7);
  expect((await readdir(dir, { recursive: true })).sort()).toEqual([
    ".terraform",
    ".terraform/modules",
    ".terraform/modules/modules.json",
    "main.tf",
  ]);
});

test("a .terraform that is a link is removed, and what it leads to is not", async () => {
  await mkdir(join(dir, "outside"));
  await writeFile(join(dir, "outside/keep"), "");
  await mkdir(join(dir, "work"));
  await symlink("../outside", join(dir, "work/.terraform"));
  await stripUpload(join(dir, "work"));
  expect(await readdir(join(dir, "outside"))).toEqual(["keep"]);
  expect(await readdir(join(dir, "work"))).toEqual([]);
});

describeWithTerraform("the override makes every backend local", () => {
  const blocks: ReadonlyArray<readonly [string, string]> = [
    ["s3", 'backend "s3" { bucket = var.bucket }'],
    ["http", 'backend "http" { address = "http://127.0.0.1:1/" }'],
    ["local elsewhere", 'backend "local" { path = "elsewhere.tfstate" }'],
    ["an unknown type", 'backend "nonsense" { a = 1 }'],
    ["cloud", 'cloud {\n    organization = "o"\n    workspaces { name = "w" }\n  }'],
  ];
  const theirs = 'terraform {\n  backend "local" { path = "theirs.tfstate" }\n}\n';

  test.each(blocks)("%s, with init", async (_, block) => {
    await using box = await sandbox({
      "main.tf": `terraform {\n  ${block}\n}\n${data}`,
      "zzzz_override.tf": theirs,
      "\u{10fffe}_override.tf.json": "{}",
    });
    expect((await scanConfiguration(box.dir)).hasBackendBlock).toBe(true);
    await overrideBackend(box.dir);
    expect(await box.terraform("init", "-input=false")).toMatchObject({ code: 0 });
    await assertLocalBackend(box.dir, true);
    expect(await box.terraform("apply", "-auto-approve")).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(box.dir)).toContain("terraform.tfstate");
  });

  test("and the record is enough instead of init", async () => {
    await using box = await sandbox({ "main.tf": `terraform {\n  backend "s3" {}\n}\n${data}` });
    const scanned = await scanConfiguration(box.dir);
    expect(scanned).toMatchObject({ needsInit: false, hasBackendBlock: true });
    await overrideBackend(box.dir);
    await writeBackendRecord(box.dir, "1.11.4");
    await assertLocalBackend(box.dir, true);
    expect(await box.terraform("plan", "-out=p")).toMatchObject({ code: 0, stderr: "" });
    expect(await box.terraform("apply", "p")).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(box.dir)).toContain("terraform.tfstate");
  });

  test("a local backend elsewhere is noticed", async () => {
    await using box = await sandbox({ "main.tf": theirs });
    await box.terraform("init");
    await expect(assertLocalBackend(box.dir, true)).rejects.toMatchObject({ code: "validation" });
    await rm(box.path(".terraform"), { recursive: true });
    await expect(assertLocalBackend(box.dir, true)).rejects.toMatchObject({ code: "validation" });
    await assertLocalBackend(box.dir, false);
  });

  test("an existing name that nothing can follow is refused", async () => {
    await writeFile(join(dir, `${"\u{10ffff}".repeat(60)}_override.tf`), "");
    await expect(overrideBackend(dir)).rejects.toThrow(/rename that file/);
  });
});
