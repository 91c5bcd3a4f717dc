import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { cwd: root, encoding: "utf8" });

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "windlass-protos-"));
  for (const name of ["one", "two"]) run("scripts/release-protos", join(place, name));
});
afterAll(() => rm(place, { recursive: true, force: true }));

const contentsOf = async (name: string): Promise<readonly (readonly [string, string])[]> => {
  const files = (await readdir(join(place, name))).toSorted();
  return Promise.all(files.map(async (file) => [file, (await readFile(join(place, name, file))).toString("base64")]));
};

test("the protos are packed into the same bytes each time", async () => {
  const contents = await contentsOf("one");
  expect(contents.map(([file]) => file.replace(/\d+\.\d+\.\d+/, "VERSION"))).toEqual([
    "windlass-protos-VERSION.binpb",
    "windlass-protos-VERSION.tar.gz",
  ]);
  expect(await contentsOf("two")).toEqual(contents);
});

test("the packed protos compile in an empty folder, and the packed descriptors have comments", async () => {
  const [archive = ""] = (await readdir(join(place, "one"))).filter((file) => file.endsWith(".tar.gz"));
  run("tar", "-xzf", join(place, "one", archive), "-C", place);
  const unpacked = join(place, archive.replace(".tar.gz", ""));
  expect((await readdir(unpacked)).toSorted()).toEqual(["LICENSE", "proto"]);
  run(join(root, "node_modules/.bin/buf"), "build", join(unpacked, "proto"), "-o", join(place, "built.binpb"));

  const set = fromBinary(
    FileDescriptorSetSchema,
    await readFile(join(place, "one", archive.replace("tar.gz", "binpb"))),
  );
  const runs = createFileRegistry(set).getService("windlass.v1.RunService")?.file.proto;
  const comments = runs?.sourceCodeInfo?.location.map(({ leadingComments }) => leadingComments) ?? [];
  expect(comments).toContainEqual(expect.stringContaining("Starts, decides and follows runs."));
});
