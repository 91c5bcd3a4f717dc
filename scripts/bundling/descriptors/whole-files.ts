import { type DescFile, fromBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/** As protobuf-es has it in `proto`: plugins leave out which names JSON has, and what is imported. */
export function wholeFile(
  schema: GenMessage<FileDescriptorProto>,
  encoded: string,
  imports: readonly DescFile[],
): FileDescriptorProto {
  const file = fromBinary(schema, base64Decode(encoded));
  file.messageType.forEach(withJsonNames);
  file.dependency = imports.map(({ name }) => `${name}.proto`);
  return file;
}

function withJsonNames(message: DescriptorProto): void {
  for (const field of message.field) if (!Object.hasOwn(field, "jsonName")) field.jsonName = protoCamelCase(field.name);
  message.nestedType.forEach(withJsonNames);
}
