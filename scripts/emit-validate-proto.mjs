// Writes buf/validate/validate.proto from the descriptor that ships inside @bufbuild/protovalidate, so that
// `buf lint`, `buf generate` and `buf breaking` know the (buf.validate.*) options without the network and
// without a vendored copy. Structure only: messages, fields, enums, extensions; no custom options, no comments.
//
// Use: `node scripts/emit-validate-proto.mjs [OUT_DIR]` (OUT_DIR: third_party).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFieldSet } from "@bufbuild/protobuf";
import { FieldDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

const SCALARS = {
  1: "double",
  2: "float",
  3: "int64",
  4: "uint64",
  5: "int32",
  6: "fixed64",
  7: "fixed32",
  8: "bool",
  9: "string",
  12: "bytes",
  13: "uint32",
  15: "sfixed32",
  16: "sfixed64",
  17: "sint32",
  18: "sint64",
};
const LABELS = { 1: "optional", 2: "required", 3: "repeated" };
const MAX_FIELD_NUMBER = 536870912; // exclusive end of "to max"

const file = file_buf_validate_validate.proto;
const lines = [];
let depth = 0;
const line = (text) => lines.push("  ".repeat(depth) + text);
const block = (head, body) => {
  line(`${head} {`);
  depth++;
  body();
  depth--;
  line("}");
};

const inOneof = (f) => isFieldSet(f, FieldDescriptorProtoSchema.field.oneofIndex);

function field(f, label = `${LABELS[f.label]} `) {
  line(`${label}${f.typeName || SCALARS[f.type]} ${f.name} = ${f.number};`);
}

function reserved(desc, endIsInclusive) {
  for (const { start, end } of desc.reservedRange) {
    const last = endIsInclusive ? end : end - 1;
    line(`reserved ${start}${last > start ? ` to ${last}` : ""};`);
  }
  if (desc.reservedName.length > 0) {
    line(`reserved ${desc.reservedName.map((name) => JSON.stringify(name)).join(", ")};`);
  }
}

function enumType(desc) {
  block(`enum ${desc.name}`, () => {
    if (desc.options?.allowAlias) line("option allow_alias = true;");
    reserved(desc, true);
    for (const v of desc.value) line(`${v.name} = ${v.number};`);
  });
}

function extensions(list) {
  const byExtendee = new Map();
  for (const e of list) byExtendee.set(e.extendee, [...(byExtendee.get(e.extendee) ?? []), e]);
  for (const [extendee, fields] of byExtendee) {
    block(`extend ${extendee}`, () => {
      for (const f of fields) field(f);
    });
  }
}

function message(desc) {
  block(`message ${desc.name}`, () => {
    reserved(desc, false);
    for (const { start, end } of desc.extensionRange) {
      line(`extensions ${start} to ${end >= MAX_FIELD_NUMBER ? "max" : end - 1};`);
    }
    desc.enumType.forEach(enumType);
    desc.nestedType.forEach(message);
    const written = new Set();
    for (const f of desc.field) {
      if (!inOneof(f)) {
        field(f);
      } else if (!written.has(f.oneofIndex)) {
        written.add(f.oneofIndex);
        block(`oneof ${desc.oneofDecl[f.oneofIndex].name}`, () => {
          for (const g of desc.field) if (inOneof(g) && g.oneofIndex === f.oneofIndex) field(g, "");
        });
      }
    }
    extensions(desc.extension);
  });
}

line('syntax = "proto2";');
line(`package ${file.package};`);
for (const dependency of file.dependency) line(`import ${JSON.stringify(dependency)};`);
extensions(file.extension);
file.messageType.forEach(message);
file.enumType.forEach(enumType);

const out = join(process.argv[2] ?? "third_party", "buf", "validate", "validate.proto");
mkdirSync(join(out, ".."), { recursive: true });
writeFileSync(out, `${lines.join("\n")}\n`);
console.log(`${out}: ${lines.length} lines`);
