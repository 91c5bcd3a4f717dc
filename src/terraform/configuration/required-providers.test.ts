import { join } from "node:path";
import { expect, test } from "vitest";
import { sandbox } from "../../../test/support/terraform.ts";
import { requiredProviders } from "./required-providers.ts";

async function required(files: Readonly<Record<string, string>>, engine: "terraform" | "tofu" = "terraform") {
  await using box = await sandbox(files);
  const found = await requiredProviders({ directory: join(box.dir, "app"), root: box.dir, engine });
  return Object.fromEntries(found.map(({ address, constraints }) => [address, constraints]));
}

const declared = `
terraform {
  required_providers {
    random = { source = "hashicorp/random", version = "~> 3.0" }
    tls = {
      version = ">= 4.0"
      source  = "hashicorp/tls"
      configuration_aliases = [tls.other]
    }
    own   = { source : "registry.acme.test:8443/acme/own" }
    old   = "1.2.3"
    plain = {}
  }
}
`;

test("what a configuration declares, and what its resources imply", async () => {
  const main = `${declared}
resource "random_pet" "p" {}
resource "own_thing" "t" {}
data "archive_file" "f" {}
resource "aws_x" "named" {
  provider = tls.other
}
resource "terraform_data" "d" {}
provider "http" {}
check "c" {
  data "time_static" "t" {}
}
`;
  expect(await required({ "app/main.tf": main })).toEqual({
    "registry.terraform.io/hashicorp/random": "~> 3.0",
    "registry.terraform.io/hashicorp/tls": ">= 4.0",
    "registry.acme.test:8443/acme/own": "",
    "registry.terraform.io/hashicorp/old": "1.2.3",
    "registry.terraform.io/hashicorp/plain": "",
    "registry.terraform.io/hashicorp/archive": "",
    "registry.terraform.io/hashicorp/http": "",
    "registry.terraform.io/hashicorp/time": "",
  });
});

test("what modules beside it ask for narrows the version; those from elsewhere are unknown, and nothing outside is read", async () => {
  const asks = (version: string) =>
    `terraform {\n  required_providers {\n    random = { source = "hashicorp/random", version = "${version}" }\n  }\n}\n`;
  const files = {
    "app/main.tf": `${asks(">= 3.0")}module "a" {\n  source = "../modules/a"\n}\nmodule "b" {\n  source = "acme/b/aws"\n}
module "out" {\n  source = "../../../../../../etc"\n}\n`,
    "modules/a/main.tf": `${asks("< 3.5")}module "back" {\n  source = "./../../app"\n}\n`,
  };
  expect(await required(files, "tofu")).toEqual({ "registry.opentofu.org/hashicorp/random": ">= 3.0, < 3.5" });
});

test("what cannot be read is passed over", async () => {
  expect(
    await required({ "app/main.tf": "resource {", "app/x.tf.json": "{}", "app/y.tf": 'data "a_b" "c" {}' }),
  ).toEqual({
    "registry.terraform.io/hashicorp/a": "",
  });
});
