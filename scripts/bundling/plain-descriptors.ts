import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Plugin } from "rolldown";

const rules = "buf/validate/validate.proto";
const rulesImport = /^import \{ file_buf_validate_validate \} from "[^"]+";$/m;
const rulesFile = /\bfile_buf_validate_validate(?:, )?/;
const described = /\bfileDesc\("([^"]+)"/;

/**
 * Takes protovalidate's rules out of the descriptions of messages: only the server goes by them, and the file that describes the rules
 * themselves is the largest of all.
 */
export const plainDescriptors: Plugin = {
  name: "plain descriptors",
  transform: {
    filter: { id: /\/src\/gen\/windlass\/.*_pb\.ts$/ },
    handler(text, path) {
      const [, encoded] = described.exec(text) ?? [];
      if (encoded === undefined) throw new Error(`${path} describes no file: see plain-descriptors.ts`);
      if (!rulesImport.test(text)) return null;
      const file = fromBinary(FileDescriptorProtoSchema, base64Decode(encoded));
      const plain = base64Encode(toBinary(FileDescriptorProtoSchema, withoutRules(file)), "std_raw");
      const code = text.replace(rulesImport, "").replace(encoded, plain).replace(rulesFile, "");
      if (code.includes("file_buf_validate_validate"))
        throw new Error(`${path} needs the rules: see plain-descriptors.ts`);
      return { code, map: null };
    },
  },
};

/** Rules are options that descriptions do not know themselves. */
function withoutRules(file: FileDescriptorProto): FileDescriptorProto {
  forgetUnknown(file);
  return { ...file, dependency: file.dependency.filter((name) => name !== rules) };
}

function forgetUnknown(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if ("$unknown" in value) delete value.$unknown;
  for (const inner of Object.values(value)) forgetUnknown(inner);
}
