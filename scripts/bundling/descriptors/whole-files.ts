import { type DescFile, fromBinary } from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

export { file_google_protobuf_descriptor } from "@bufbuild/protobuf/wkt";

// Loaded when the first options are asked for: it describes FileDescriptorProto, which takes as long as describing the API.

/** As protobuf-es has it in `proto`: plugins leave out which names JSON has, and what is imported. */
export function wholeFile(encoded: string, imports: readonly DescFile[]): FileDescriptorProto {
  const file = fromBinary(FileDescriptorProtoSchema, base64Decode(encoded));
  file.messageType.forEach(withJsonNames);
  file.dependency = imports.map(({ name }) => `${name}.proto`);
  return file;
}

function withJsonNames(message: DescriptorProto): void {
  for (const field of message.field) if (!Object.hasOwn(field, "jsonName")) field.jsonName = protoCamelCase(field.name);
  message.nestedType.forEach(withJsonNames);
}
