import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  MethodDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** What is said of a file without its options: as JSON, it is read in a hundredth of the time that a FileDescriptorProto takes. */
export interface LightFile {
  /** Its path without `.proto`. */
  readonly name: string;
  readonly package: string;
  readonly isProto2: boolean;
  readonly messages: readonly LightMessage[];
  readonly enums: readonly LightEnum[];
  readonly services: readonly LightService[];
  readonly extensions: readonly LightField[];
}

/** Name, fields, messages and enums in it, names of its groups, `bits`. */
export type LightMessage = readonly [
  string,
  readonly LightField[],
  readonly LightMessage[],
  readonly LightEnum[],
  readonly string[],
  number,
];

/** Name, number, type, label, name of its type or empty, index of its group or -1, `bits`, what it extends or empty. */
export type LightField = readonly [string, number, number, number, string, number, number, string];

/** Name, what the names of its values begin with, values: name, number, 1 if it is deprecated. */
export type LightEnum = readonly [string, string, readonly (readonly [string, number, 0 | 1])[]];

/** Name, methods: name, input, output, 1 for streams of requests and 2 for those of answers, idempotency, 1 if it is deprecated. */
export type LightService = readonly [string, readonly (readonly [string, string, string, number, number, 0 | 1])[]];

export const bits = { deprecated: 1, mapEntry: 2, optional: 4, packed: 8, unpacked: 16 } as const;

/** FieldDescriptorProto.Label. */
export const labels = { required: 2, repeated: 3 } as const;

/** FieldDescriptorProto.Type, as far as something depends on it. */
export const types = { string: 9, group: 10, message: 11, bytes: 12 } as const;

/** Undefined for a file with something that late descriptions do not know: defaults, features, extensions in messages. */
export function lightFile(file: FileDescriptorProto): LightFile | undefined {
  const isKnown =
    (file.syntax === "proto3" || file.syntax === "proto2" || file.syntax === "") &&
    file.options?.deprecated !== true &&
    file.options?.features === undefined &&
    file.messageType.every(isKnownMessage) &&
    file.enumType.every(isKnownEnum) &&
    // JSON names of extensions are their types.
    file.extension.every(({ jsonName: _, ...extension }) => isKnownField(extension)) &&
    file.service.every(({ options }) => options === undefined);
  if (!isKnown) return undefined;
  return {
    name: file.name.replace(/\.proto$/, ""),
    package: file.package,
    isProto2: file.syntax !== "proto3",
    messages: file.messageType.map(lightMessage),
    enums: file.enumType.map(lightEnum),
    services: file.service.map(({ name, method }): LightService => [name, method.map(lightMethod)]),
    extensions: file.extension.map(lightField),
  };
}

const isKnownMessage = (message: DescriptorProto): boolean =>
  message.extension.length === 0 &&
  message.options?.features === undefined &&
  message.field.every(isKnownField) &&
  message.enumType.every(isKnownEnum) &&
  message.nestedType.every(isKnownMessage);

const isKnownField = ({ options, type, ...field }: Omit<FieldDescriptorProto, "jsonName">): boolean =>
  type !== types.group &&
  !Object.hasOwn(field, "defaultValue") &&
  options?.features === undefined &&
  (options === undefined || !Object.hasOwn(options, "jstype")) &&
  (!("jsonName" in field) || field.jsonName === "");

const isKnownEnum = ({ options, value }: EnumDescriptorProto): boolean =>
  options === undefined && value.every((one) => one.options?.$unknown === undefined);

function lightMessage(message: DescriptorProto): LightMessage {
  const { options } = message;
  return [
    message.name,
    message.field.map(lightField),
    message.nestedType.map(lightMessage),
    message.enumType.map(lightEnum),
    message.oneofDecl.map(({ name }) => name),
    (options?.deprecated ? bits.deprecated : 0) | (options?.mapEntry ? bits.mapEntry : 0),
  ];
}

function lightField(field: FieldDescriptorProto): LightField {
  const { name, number, type, label, typeName, oneofIndex, proto3Optional, options, extendee } = field;
  const isPackedSaid = options !== undefined && Object.hasOwn(options, "packed");
  const packed = options?.packed ? bits.packed : bits.unpacked;
  const has =
    (options?.deprecated ? bits.deprecated : 0) | (proto3Optional ? bits.optional : 0) | (isPackedSaid ? packed : 0);
  const isInGroup = Object.hasOwn(field, "oneofIndex") && !proto3Optional;
  return [name, number, type, label, withoutDot(typeName), isInGroup ? oneofIndex : -1, has, withoutDot(extendee)];
}

const withoutDot = (typeName: string): string => typeName.replace(/^\./, "");

function lightEnum({ name, value }: EnumDescriptorProto): LightEnum {
  return [
    name,
    sharedPrefix(
      name,
      value.map((one) => one.name),
    ),
    value.map((one) => [one.name, one.number, one.options?.deprecated ? 1 : 0]),
  ];
}

/** As protobuf-es finds it: `run_state_` for `RunState`, if the names of all values begin with it and go on with a letter. */
function sharedPrefix(name: string, values: readonly string[]): string {
  const prefix = `${name.slice(0, 1)}${name.slice(1).replace(/[A-Z]/g, "_$&")}_`.toLowerCase();
  const isShared = values.every(
    (value) => value.toLowerCase().startsWith(prefix) && /^\D/.test(value.slice(prefix.length)),
  );
  return isShared ? prefix : "";
}

const lightMethod = (method: MethodDescriptorProto): LightService[1][number] => [
  method.name,
  withoutDot(method.inputType),
  withoutDot(method.outputType),
  (method.clientStreaming ? 1 : 0) + (method.serverStreaming ? 2 : 0),
  method.options?.idempotencyLevel ?? 0,
  method.options?.deprecated ? 1 : 0,
];
