import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type DescFile, fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { lateFileDesc } from "./late-files.ts";
import { lightFile } from "./light-files.ts";

const root = resolve(import.meta.dirname, "../../..");
const generated = globSync(["src/gen/**/*_pb.ts", "test/support/fake-provider/gen/**/*_pb.ts"], { cwd: root });

const isFile = (value: unknown): value is DescFile =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "file";

/** What protobuf-es has made of a generated file, and the same made late. */
async function bothOf(path: string): Promise<{ readonly whole: DescFile; readonly late: DescFile | undefined }> {
  const [, encoded = ""] = /\bfileDesc\("([^"]+)"/.exec(readFileSync(resolve(root, path), "utf8")) ?? [];
  const exported: Readonly<Record<string, unknown>> = await import(pathToFileURL(resolve(root, path)).href);
  const whole = Object.values(exported).find(isFile);
  if (whole === undefined) throw new Error(`${path} describes no file`);
  const light = lightFile(fromBinary(FileDescriptorProtoSchema, base64Decode(encoded)));
  return { whole, late: light && lateFileDesc(JSON.stringify(light), encoded, () => whole.dependencies) };
}

/** All that a description says, as text; what it refers to by name. `proto` is compared by itself. */
function said(desc: object, depth = 0): unknown {
  const keys = new Set<string>();
  for (let one = desc; one !== Object.prototype; one = Object.getPrototypeOf(one))
    for (const key of Object.getOwnPropertyNames(one)) keys.add(key);
  const ignored = ["constructor", "proto", "isProto2", "packageName", "type", "allNested", "isMapEntry"];
  const shown = [...keys].filter((key) => !ignored.includes(key)).toSorted();
  return Object.fromEntries(shown.map((key) => [key, shownValue(key, Reflect.get(desc, key), { desc, depth })]));
}

const referred = new Set(["parent", "file", "message", "enum", "input", "output", "extendee", "dependencies"]);

function shownValue(
  key: string,
  value: unknown,
  { desc, depth }: { readonly desc: object; readonly depth: number },
): unknown {
  if (typeof value === "function") return String(value.call(desc));
  if (typeof value !== "object" || value === null) return value;
  if (referred.has(key) || (key === "oneof" && depth > 0)) return String(value);
  if (Array.isArray(value)) return value.map((one) => ("kind" in one ? said(one, depth + 1) : one));
  if ("kind" in value) return String(value);
  return Object.entries(value).map(([name, one]) => [name, String(one)]);
}

const protosOf = (file: DescFile): unknown[] => [
  file.proto,
  ...file.messages.flatMap(({ proto, fields, oneofs, nestedMessages, nestedEnums }) => [
    ...[proto, ...fields.map((field) => field.proto), ...oneofs.map((oneof) => oneof.proto)],
    ...[...nestedMessages, ...nestedEnums].map((nested) => nested.proto),
  ]),
  ...file.enums.flatMap(({ proto, values }) => [proto, ...values.map((value) => value.proto)]),
  ...file.services.flatMap(({ proto, methods }) => [proto, ...methods.map((method) => method.proto)]),
  ...file.extensions.map(({ proto }) => proto),
];

test.each(generated)("%s is described late as protobuf-es describes it", async (path) => {
  const { whole, late } = await bothOf(path);
  if (late === undefined) throw new Error("it has what late descriptions do not know");
  expect(said(late)).toEqual(said(whole));
  expect(protosOf(late)).toEqual(protosOf(whole));
});
