import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Type,
  type FileDescriptorSet,
  type ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** A protocol by full names. */
interface Protocol {
  readonly messages: ReadonlyMap<string, DescriptorProto>;
  readonly enums: ReadonlyMap<string, EnumDescriptorProto>;
  readonly services: ReadonlyMap<string, ServiceDescriptorProto>;
}

/** Of the packages that are ours. */
function protocolOf(set: FileDescriptorSet): Protocol {
  const messages = new Map<string, DescriptorProto>();
  const enums = new Map<string, EnumDescriptorProto>();
  const services = new Map<string, ServiceDescriptorProto>();
  const add = (prefix: string, message: DescriptorProto): void => {
    const name = `${prefix}.${message.name}`;
    messages.set(name, message);
    for (const one of message.nestedType) add(name, one);
    for (const one of message.enumType) enums.set(`${name}.${one.name}`, one);
  };
  for (const file of set.file.filter(({ package: name }) => name.startsWith("windlass."))) {
    for (const one of file.messageType) add(file.package, one);
    for (const one of file.enumType) enums.set(`${file.package}.${one.name}`, one);
    for (const one of file.service) services.set(`${file.package}.${one.name}`, one);
  }
  return { messages, enums, services };
}

/**
 * What a client of `before` would misunderstand of `after`: whatever is gone, has another number, name or type, or streams in
 * another way. What was added is no change.
 */
export function wireChanges(before: FileDescriptorSet, after: FileDescriptorSet): readonly string[] {
  const [old, now] = [protocolOf(before), protocolOf(after)];
  return [
    ...changesOf("message", old.messages, now.messages, messageChanges),
    ...changesOf("enum", old.enums, now.enums, enumChanges),
    ...changesOf("service", old.services, now.services, serviceChanges),
  ];
}

function changesOf<T>(
  what: string,
  old: ReadonlyMap<string, T>,
  now: ReadonlyMap<string, T>,
  compare: (before: T, after: T) => readonly string[],
): readonly string[] {
  return [...old].flatMap(([name, before]) => {
    const after = now.get(name);
    return after === undefined ? [`${what} ${name} is gone`] : compare(before, after).map((why) => `${name}: ${why}`);
  });
}

function messageChanges(before: DescriptorProto, after: DescriptorProto): readonly string[] {
  const named = new Map(after.field.map((field) => [field.number, field]));
  return before.field.flatMap((field) => {
    const now = named.get(field.number);
    const was = shapeOf(field, before);
    if (now === undefined) return [`field ${field.number} (${field.name}) is gone`];
    const is = shapeOf(now, after);
    return was === is ? [] : [`field ${field.number} was ${was} and is ${is}`];
  });
}

/** Its name counts too: JSON has it. */
function shapeOf(field: FieldDescriptorProto, { oneofDecl }: DescriptorProto): string {
  const isIn = field.proto3Optional || oneofDecl[field.oneofIndex] === undefined || !isInOneof(field);
  const oneof = isIn ? "" : ` in oneof ${oneofDecl[field.oneofIndex]?.name}`;
  const type = FieldDescriptorProto_Type[field.type];
  const presence = field.proto3Optional ? " optional" : "";
  return `${field.name}: label ${field.label}${presence} ${type}${field.typeName}${oneof}`;
}

/** 0 is an index as well: only the field's own presence tells. */
const isInOneof = (field: FieldDescriptorProto): boolean => Object.hasOwn(field, "oneofIndex");

function enumChanges(before: EnumDescriptorProto, after: EnumDescriptorProto): readonly string[] {
  const named = new Map(after.value.map(({ number, name }) => [number, name]));
  return before.value
    .filter(({ number, name }) => named.get(number) !== name)
    .map(({ number, name }) => `value ${number} was ${name} and is ${named.get(number) ?? "gone"}`);
}

function serviceChanges(before: ServiceDescriptorProto, after: ServiceDescriptorProto): readonly string[] {
  const named = new Map(after.method.map((method) => [method.name, method]));
  const shape = (method: (typeof before.method)[number]): string =>
    `${method.clientStreaming ? "stream " : ""}${method.inputType} → ${method.serverStreaming ? "stream " : ""}${method.outputType}`;
  return before.method.flatMap((method) => {
    const now = named.get(method.name);
    if (now === undefined) return [`method ${method.name} is gone`];
    return shape(now) === shape(method) ? [] : [`method ${method.name} was ${shape(method)} and is ${shape(now)}`];
  });
}
