import { create, createFileRegistry } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";

type Echo<Kind> = { methodKind: Kind; input: typeof StringValueSchema; output: typeof StringValueSchema };

const type = ".google.protobuf.StringValue";
const method = (name: string, clientStreaming: boolean, serverStreaming: boolean) => ({
  name,
  inputType: type,
  outputType: type,
  clientStreaming,
  serverStreaming,
});

const file = create(FileDescriptorProtoSchema, {
  name: "windlass/test/v1/echo.proto",
  package: "windlass.test.v1",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [
    {
      name: "EchoService",
      method: [
        method("Unary", false, false),
        method("ServerStream", false, true),
        method("ClientStream", true, false),
        method("Bidi", true, true),
      ],
    },
  ],
});

const found = createFileRegistry(file, () => file_google_protobuf_wrappers).getService("windlass.test.v1.EchoService");

/** A service with one method of each kind over StringValue, for tests of what carries calls. */
export const EchoService = found as GenService<{
  unary: Echo<"unary">;
  serverStream: Echo<"server_streaming">;
  clientStream: Echo<"client_streaming">;
  bidi: Echo<"bidi_streaming">;
}>;
