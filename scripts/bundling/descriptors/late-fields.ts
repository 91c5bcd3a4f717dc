import type { DescEnum, DescExtension, DescField, DescFile, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { protoCamelCase, safeObjectProperty } from "@bufbuild/protobuf/reflect";
import { bits, type LightField, type LightMessage, labels, types } from "./light-files.ts";

/** A file whose parts are described when they are asked for. */
export interface FieldsFile extends DescFile {
  readonly isProto2: boolean;
  readonly packageName: string;
  /** Of this file or of one that it imports. */
  type(typeName: string): DescMessage | DescEnum;
}

/** A message with the entries of its maps. */
export interface FieldsMessage extends DescMessage {
  readonly file: FieldsFile;
  readonly isMapEntry: boolean;
  readonly allNested: readonly FieldsMessage[];
}

/** What is in a message. */
export interface Parts {
  readonly fields: DescField[];
  readonly field: Record<string, DescField>;
  readonly oneofs: DescOneof[];
  readonly members: (DescField | DescOneof)[];
}

/** What a message consists of. */
export function partsOf(message: FieldsMessage, [, fields, , , oneofs]: LightMessage): Parts {
  const groups = oneofs.map((name, index) => new LateOneof(name, index, message));
  const parts: Parts = { fields: [], field: {}, oneofs: [], members: [] };
  for (const [index, light] of fields.entries()) {
    const oneof = light[5] < 0 ? undefined : at(groups[light[5]]);
    const field = fieldOf(message, { light, index, oneof });
    parts.fields.push(field);
    parts.field[field.localName] = field;
    if (oneof === undefined) parts.members.push(field);
    else if (oneof.fields.push(field) === 1) parts.members.push(oneof);
  }
  // In the order of their declarations. That of one optional field is no group.
  parts.oneofs.push(...groups.filter((oneof) => oneof.fields.length > 0));
  return parts;
}

class LateOneof implements DescOneof {
  readonly kind = "oneof";
  readonly deprecated = false;
  readonly name: string;
  readonly localName: string;
  readonly parent: DescMessage;
  readonly fields: DescField[] = [];
  readonly #index: number;

  constructor(name: string, index: number, parent: DescMessage) {
    this.name = name;
    this.localName = safeObjectProperty(protoCamelCase(name));
    this.parent = parent;
    this.#index = index;
  }

  get proto(): DescOneof["proto"] {
    return at(this.parent.proto.oneofDecl[this.#index]);
  }

  toString(): string {
    return `oneof ${this.parent.typeName}.${this.name}`;
  }
}

interface FieldSource {
  readonly light: LightField;
  readonly index: number;
  readonly oneof: DescOneof | undefined;
}

function fieldOf(parent: FieldsMessage, { light, index, oneof }: FieldSource): DescField {
  const [name, , , , , oneofIndex] = light;
  const localName = protoCamelCase(name);
  const own = {
    kind: "field",
    parent,
    oneof,
    localName: oneofIndex < 0 ? safeObjectProperty(localName) : localName,
    jsonName: localName,
    get proto() {
      return at(parent.proto.field[index]);
    },
    toString: () => `field ${parent.typeName}.${name}`,
  };
  return withType(own, light, { file: parent.file, entries: parent.allNested, isExtension: false });
}

interface TypeScope {
  readonly file: FieldsFile;
  /** Messages that a map may have as entries. */
  readonly entries: readonly FieldsMessage[];
  readonly isExtension: boolean;
}

/** Adds to a description what its type says. The properties, and which of them are undefined, are those of protobuf-es. */
function withType<Own extends object, Made>(own: Own, light: LightField, scope: TypeScope): Made {
  const [name, number, type, label, typeName, oneofIndex, has] = light;
  const isRepeated = label === labels.repeated;
  const entry = isRepeated && type === types.message ? entryNamed(scope, typeName) : undefined;
  const [key, value] = entry?.fields ?? [];
  const found = typeName === "" || entry !== undefined ? undefined : scope.file.type(typeName);
  const message = found?.kind === "message" ? found : value?.message;
  const one = found?.kind === "enum" ? found : value?.enum;
  const isScalar = typeName === "";
  const kind = isScalar ? "scalar" : message === undefined || one !== undefined ? "enum" : "message";
  const common = {
    name,
    number,
    deprecated: (has & bits.deprecated) !== 0,
    presence: presenceOf(light, scope),
    utf8Validation: !scope.file.isProto2,
    fieldKind: entry !== undefined ? "map" : isRepeated ? "list" : kind,
    scalar: isScalar ? type : entry === undefined ? undefined : value?.scalar,
    message,
    enum: one,
    listKind: isRepeated && entry === undefined ? kind : undefined,
    mapKind: entry === undefined ? undefined : value?.fieldKind,
    mapKey: entry === undefined ? undefined : key?.scalar,
    delimitedEncoding: entry !== undefined || (!isScalar && kind === "message") ? false : undefined,
    packed: isRepeated && entry === undefined ? isPacked(light, scope.file) : undefined,
    longAsString: false,
    getDefaultValue: isRepeated ? undefined : () => undefined,
  };
  if (oneofIndex >= 0 && isRepeated) throw new Error(`${name}: a repeated field is in no group`);
  return Object.defineProperties(own, Object.getOwnPropertyDescriptors(common)) as Own & Made;
}

const entryNamed = ({ entries }: TypeScope, typeName: string): FieldsMessage | undefined =>
  entries.find((message) => message.isMapEntry && message.typeName === typeName);

/** FeatureSet.FieldPresence: 1 EXPLICIT, 2 IMPLICIT, 3 LEGACY_REQUIRED. */
function presenceOf([, , type, label, , oneofIndex, has]: LightField, { file, isExtension }: TypeScope): number {
  if (label === labels.required) return 3;
  if (label === labels.repeated) return 2;
  if (oneofIndex >= 0 || (has & bits.optional) !== 0 || isExtension || file.isProto2) return 1;
  return type === types.message ? 1 : 2;
}

const isPacked = ([, , type, , , , has]: LightField, file: FieldsFile): boolean => {
  if (type === types.string || type === types.bytes || type === types.message) return false;
  if ((has & bits.packed) !== 0) return true;
  return (has & bits.unpacked) === 0 && !file.isProto2;
};

/** Of all extensions: they are few, and asked for seldom. */
const extensionKeys = [
  ...[
    "file",
    "parent",
    "oneof",
    "typeName",
    "jsonName",
    "extendee",
    "name",
    "number",
    "deprecated",
    "presence",
    "utf8Validation",
  ],
  ...[
    "fieldKind",
    "scalar",
    "message",
    "enum",
    "listKind",
    "mapKind",
    "mapKey",
    "delimitedEncoding",
    "packed",
    "longAsString",
  ],
  ...["getDefaultValue", "proto", "toString"],
];

/** Describes an extension that a file declares outside of messages. */
export function extensionOf(file: FieldsFile, light: LightField, index: number): DescExtension {
  let made: object | undefined;
  const lookup = (key: string) => ({
    enumerable: true,
    get: () => {
      made ??= madeExtension(file, light, index);
      return Reflect.get(made, key);
    },
  });
  const extension = { kind: "extension" };
  return Object.defineProperties(
    extension,
    Object.fromEntries(extensionKeys.map((key) => [key, lookup(key)])),
  ) as typeof extension & DescExtension;
}

function madeExtension(file: FieldsFile, light: LightField, index: number): object {
  const [name, , , , , , , extendee] = light;
  const typeName = file.packageName === "" ? name : `${file.packageName}.${name}`;
  const own = {
    file,
    parent: undefined,
    oneof: undefined,
    typeName,
    jsonName: `[${typeName}]`,
    extendee: file.type(extendee),
    get proto() {
      return at(file.proto.extension[index]);
    },
    toString: () => `extension ${typeName}`,
  };
  return withType(own, light, { file, entries: [], isExtension: true });
}

/** What is there by how it was made. */
export function at<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a description is shorter than what it was made of");
  return value;
}
