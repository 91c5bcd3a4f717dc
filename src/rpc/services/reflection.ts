import { type DescExtension, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { untilAborted } from "../../lib/async/abort.ts";

type Question = v1.ServerReflectionRequest["messageRequest"] | v1alpha.ServerReflectionRequest["messageRequest"];
/** An answer that fits both versions, whose messages differ in their package only. */
type Answer =
  | { readonly case: "listServicesResponse"; readonly value: { service: { name: string }[] } }
  | { readonly case: "fileDescriptorResponse"; readonly value: { fileDescriptorProto: Uint8Array[] } }
  | {
      readonly case: "allExtensionNumbersResponse";
      readonly value: { baseTypeName: string; extensionNumber: number[] };
    }
  | { readonly case: "errorResponse"; readonly value: { errorCode: number; errorMessage: string } };

/** Everything that a client may ask about, found by file, by symbol and by extension. */
interface Catalogue {
  readonly services: readonly DescService[];
  readonly files: ReadonlyMap<string, DescFile>;
  readonly symbols: ReadonlyMap<string, DescFile>;
  readonly extensions: readonly DescExtension[];
}

/**
 * Serves `grpc.reflection.v1` and `v1alpha` for these services, so that tools work without our proto files; and for the
 * details of errors, which no service names.
 */
export function reflectionRoutes(services: readonly DescService[]): (router: ConnectRouter) => void {
  // Made when the first client asks: it is of everything that the API has.
  let made: Catalogue | undefined;
  const catalogue = () => {
    made ??= catalogueOf([...services, v1.ServerReflection, v1alpha.ServerReflection]);
    return made;
  };
  async function* info<Request extends { readonly host: string; readonly messageRequest: Question }>(
    requests: AsyncIterable<Request>,
    { signal }: HandlerContext,
  ) {
    for await (const originalRequest of untilAborted(requests, signal)) {
      const { host: validHost, messageRequest } = originalRequest;
      yield { validHost, originalRequest, messageResponse: answer(catalogue(), messageRequest) };
    }
  }
  return (router) =>
    router
      .service(v1.ServerReflection, { serverReflectionInfo: info<v1.ServerReflectionRequest> })
      .service(v1alpha.ServerReflection, { serverReflectionInfo: info<v1alpha.ServerReflectionRequest> });
}

function catalogueOf(services: readonly DescService[]): Catalogue {
  const files = new Map<string, DescFile>();
  for (const file of [...services.map((service) => service.file), file_google_rpc_error_details]) {
    for (const one of withDependencies(file)) files.set(`${one.name}.proto`, one);
  }
  const symbols = new Map<string, DescFile>();
  const extensions: DescExtension[] = [];
  for (const file of files.values()) {
    for (const type of nestedTypes(file)) {
      symbols.set(type.typeName, file);
      if (type.kind === "extension") extensions.push(type);
      if (type.kind === "service")
        for (const method of type.methods) symbols.set(`${type.typeName}.${method.name}`, file);
    }
  }
  return { services, files, symbols, extensions };
}

function answer({ services, files, symbols, extensions }: Catalogue, question: Question): Answer {
  switch (question.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: services.map(({ typeName }) => ({ name: typeName })) } };
    case "fileByFilename":
      return fileAnswer(files.get(question.value), question.value);
    case "fileContainingSymbol":
      return fileAnswer(symbols.get(question.value), question.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const found = extensionsOf(extensions, containingType).find(({ number }) => number === extensionNumber);
      return fileAnswer(found?.file, `${containingType} ${extensionNumber}`);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = extensionsOf(extensions, question.value).map(({ number }) => number);
      return { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value, extensionNumber } };
    }
    case undefined:
      return failure(Code.InvalidArgument, "the request asks nothing that this server knows");
  }
}

const extensionsOf = (extensions: readonly DescExtension[], typeName: string) =>
  extensions.filter(({ extendee }) => extendee.typeName === typeName);

function fileAnswer(file: DescFile | undefined, wanted: string): Answer {
  if (file === undefined) return failure(Code.NotFound, `this server knows no ${wanted}`);
  const fileDescriptorProto = [...withDependencies(file)].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

const failure = (errorCode: Code, errorMessage: string): Answer => ({
  case: "errorResponse",
  value: { errorCode, errorMessage },
});

/** The file and all that it imports, each once, the file itself first. */
function withDependencies(file: DescFile, found = new Set<DescFile>()): ReadonlySet<DescFile> {
  if (found.has(file)) return found;
  found.add(file);
  for (const dependency of file.dependencies) withDependencies(dependency, found);
  return found;
}
