import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { impliedMirrors } from "./implied-mirrors.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-implied-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const plugins = () => join(directory, "terraform.d", "plugins");
/** Those of the uploaded configuration; this machine may have others. */
const uploaded = async () =>
  (await impliedMirrors(directory)).filter(
    ({ kind, ...one }) => kind === "filesystem" && "path" in one && one.path === "terraform.d/plugins",
  );

test("a configuration without plugins implies no mirror", async () => {
  expect(await uploaded()).toEqual([]);
  await mkdir(plugins(), { recursive: true });
  expect(await uploaded()).toEqual([]);
});

test("the providers that lie there are taken from there, and no others", async () => {
  const random = join(plugins(), "registry.terraform.io", "hashicorp", "random");
  await mkdir(join(random, "3.9.0", "linux_amd64"), { recursive: true });
  const own = join(plugins(), "example.com", "me", "own");
  await mkdir(own, { recursive: true });
  await symlink(own, join(plugins(), "example.com", "me", "linked"));
  expect(await uploaded()).toEqual([
    {
      ...{ kind: "filesystem", path: "terraform.d/plugins", exclude: [] },
      include: expect.toSatisfy(
        (include: readonly string[]) =>
          include.toSorted().join(" ") ===
          "example.com/me/linked example.com/me/own registry.terraform.io/hashicorp/random",
      ),
    },
  ]);
});

test("files, and what is not deep enough, are no providers", async () => {
  await mkdir(join(plugins(), "registry.terraform.io", "hashicorp"), { recursive: true });
  await writeFile(join(plugins(), "README"), "");
  await writeFile(join(plugins(), "registry.terraform.io", "x"), "");
  await writeFile(join(plugins(), "registry.terraform.io", "hashicorp", "random"), "");
  expect(await uploaded()).toEqual([]);
});
