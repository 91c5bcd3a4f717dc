import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { createFileRegistry, type DescFile, type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate as installed } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** The folder that people give to their compiler, alone. */
const compiled = spawnSync(resolve(root, "node_modules/.bin/buf"), ["build", "proto", "-o", "-#format=binpb"], {
  cwd: root,
  maxBuffer: 1 << 26,
});
const files = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, compiled.stdout)).files];
const ours = files.filter(({ proto }) => proto.package.startsWith("windlass."));

test("proto/ compiles as it lies", () => {
  expect(compiled.stderr.toString()).toBe("");
  expect(ours.length).toBeGreaterThan(25);
});

test("buf/validate/validate.proto is the genuine one, of the version that validates here", () => {
  const lying = files.find(({ proto }) => proto.package === "buf.validate");
  expect(lying).toBeDefined();
  if (lying !== undefined) expect(bareJson(lying)).toEqual(bareJson(installed));
});

/** Without what a compiler adds or leaves out at will. */
const bareJson = ({ proto }: DescFile): unknown =>
  JSON.parse(
    JSON.stringify(toJson(FileDescriptorProtoSchema, { ...proto, sourceCodeInfo: undefined }), (key, value) =>
      key === "jsonName" ? undefined : value,
    ),
  );

/** One value a package and file, as the generators of these languages want it. */
test.each(ours.map((file): [string, DescFile] => [file.name, file]))(
  "%s names its place in each language",
  (_, file) => {
    const isAgents = file.proto.package === "windlass.agent.v1";
    expect(file.proto.options).toMatchObject({
      csharpNamespace: isAgents ? "Windlass.Agent.V1" : "Windlass.V1",
      goPackage: isAgents
        ? "windlass.dev/gen/go/windlass/agent/v1;agentv1"
        : "windlass.dev/gen/go/windlass/v1;windlassv1",
      javaMultipleFiles: true,
      javaOuterClassname: expect.stringMatching(/Proto$/),
      javaPackage: isAgents ? "dev.windlass.agent.v1" : "dev.windlass.v1",
      objcClassPrefix: isAgents ? "WDLA" : "WDL",
      phpNamespace: isAgents ? "Windlass\\Agent\\V1" : "Windlass\\V1",
      rubyPackage: isAgents ? "Windlass::Agent::V1" : "Windlass::V1",
      swiftPrefix: isAgents ? "WindlassAgent" : "Windlass",
    });
  },
);

/** Words of the languages in which a field is read under its own name, and cannot be when it is one of them. */
const reserved = new Set(
  [
    "False None True and as assert async await break class continue def del elif else except finally for from global if",
    "import in is lambda nonlocal not or pass raise return try while with yield",
    "abstract become box const crate do dyn enum extern false final fn gen impl let loop macro match mod move mut override",
    "priv pub ref self static struct super trait true type typeof unsafe unsized use virtual where",
    "fun interface object package this throw typealias val var when",
  ].flatMap((line) => line.split(" ")),
);

const withNested = (message: DescMessage): readonly DescMessage[] => [
  message,
  ...message.nestedMessages.flatMap(withNested),
];

test("no field has a word of Python, Rust or Kotlin for a name", () => {
  const messages = ours.flatMap((file) => file.messages.flatMap(withNested));
  const names = messages.flatMap(({ fields, oneofs }) => [...fields, ...oneofs]);
  expect(names.length).toBeGreaterThan(500);
  expect(names.filter(({ name }) => reserved.has(name)).map(String)).toEqual([]);
});
