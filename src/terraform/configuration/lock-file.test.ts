import { expect, test } from "vitest";
import { readLockFile, renderLockFile } from "./lock-file.ts";

/** As terraform 1.11 writes it. */
const text = `# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "localhost:9443/acme/fake" {
  version = "1.0.0"
  hashes = [
    "h1:o5edhWmRNnxjhTkU2x1tdr/3twTyJQNR80bMgQGz1eA=",
  ]
}

provider "registry.terraform.io/hashicorp/random" {
  version     = "3.9.0"
  constraints = ">= 3.0.0, < 4.0.0"
  hashes = [
    "h1:o5edhWmRNnxjhTkU2x1tdr/3twTyJQNR80bMgQGz1eA=",
    "zh:0a23bcbd0b1a4b24c5d3b6a3f1d0b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3",
  ]
}
`;

test("a lock file is read, and written as terraform writes it", () => {
  const read = readLockFile(text);
  expect(
    read?.map(({ address, version, constraints, hashes }) => [address, version, constraints, hashes.length]),
  ).toEqual([
    ["localhost:9443/acme/fake", "1.0.0", "", 1],
    ["registry.terraform.io/hashicorp/random", "3.9.0", ">= 3.0.0, < 4.0.0", 2],
  ]);
  expect(renderLockFile(read?.toReversed() ?? [])).toBe(text);
});

test.each([
  "provider {",
  "resource {}",
  'provider "a" {}',
  'provider "a" { version = "1"\n hashes = [1] }',
  "provider = 1",
])("%j is left to terraform", (wrong) => expect(readLockFile(wrong)).toBeUndefined());

test("an empty file locks nothing", () => expect(readLockFile("# nothing\n")).toEqual([]));
