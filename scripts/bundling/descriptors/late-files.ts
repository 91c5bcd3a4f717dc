import { createRequire } from "node:module";
import type {
  DescEnum,
  DescEnumValue,
  DescExtension,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from "@bufbuild/protobuf";
import { nestedTypes, safeObjectProperty } from "@bufbuild/protobuf/reflect";
import type { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { at, extensionOf, type FieldsFile, type FieldsMessage, type Parts, partsOf } from "./late-fields.ts";
import { bits, type LightEnum, type LightFile, type LightMessage, type LightService } from "./light-files.ts";
import { wholeFile } from "./whole-files.ts";

const require = createRequire(import.meta.url);

// Part of every program of a bundle: what `fileDesc` of protobuf-es answers, with the same properties, made when they are
// asked for. To decode and describe all messages of the API at once is a fifth of a start, and most are never used.

interface Source {
  readonly light: LightFile;
  readonly encoded: string;
  /** Files that it imports. */
  readonly imports: () => readonly DescFile[];
}

/** Describes a file. `json` is a `LightFile`, `encoded` the whole FileDescriptorProto in base64. */
export function lateFileDesc(json: string, encoded: string, imports: () => readonly DescFile[]): DescFile {
  return new LateFile({ light: JSON.parse(json), encoded, imports });
}

class LateFile implements FieldsFile {
  readonly kind = "file";
  readonly deprecated = false;
  readonly name: string;
  readonly edition: DescFile["edition"];
  readonly messages: DescMessage[];
  readonly enums: DescEnum[];
  readonly extensions: DescExtension[];
  readonly services: DescService[];
  readonly #source: Source;
  #dependencies: DescFile[] | undefined;
  #proto: DescFile["proto"] | undefined;
  #types: Map<string, DescMessage | DescEnum> | undefined;

  constructor(source: Source) {
    const { light } = source;
    this.#source = source;
    this.name = light.name;
    this.edition = light.isProto2 ? 998 : 999;
    const scope = { file: this, parent: undefined, prefix: light.package === "" ? "" : `${light.package}.` };
    this.messages = light.messages.map((message, index) => new LateMessage(message, index, scope));
    this.enums = light.enums.map((one, index) => new LateEnum(one, index, scope));
    this.services = light.services.map((service, index) => new LateService(service, index, scope));
    this.extensions = light.extensions.map((field, index) => extensionOf(this, field, index));
  }

  get isProto2(): boolean {
    return this.#source.light.isProto2;
  }

  get packageName(): string {
    return this.#source.light.package;
  }

  get dependencies(): DescFile[] {
    this.#dependencies ??= [...this.#source.imports()];
    return this.#dependencies;
  }

  get proto(): DescFile["proto"] {
    this.#proto ??= wholeFile(wholeSchema(), this.#source.encoded, this.dependencies);
    return this.#proto;
  }

  /** Of this file or of one that it imports. */
  type(typeName: string): DescMessage | DescEnum {
    const found = this.#own(typeName) ?? foundIn(this.dependencies, typeName, new Set());
    if (found === undefined) throw new Error(`${this}: ${typeName} is not in it, nor in what it imports`);
    return found;
  }

  #own(typeName: string): DescMessage | DescEnum | undefined {
    this.#types ??= typesOf(this);
    return this.#types.get(typeName);
  }

  toString(): string {
    return `file ${this.name}.proto`;
  }
}

/** Describes FileDescriptorProto itself, which takes as long as describing the API: loaded when it is first used. */
const wholeSchema = (): typeof FileDescriptorProtoSchema => require("@bufbuild/protobuf/wkt").FileDescriptorProtoSchema;

function typesOf(file: DescFile): Map<string, DescMessage | DescEnum> {
  const found = new Map<string, DescMessage | DescEnum>();
  for (const type of nestedTypes(file))
    if (type.kind === "message" || type.kind === "enum") found.set(type.typeName, type);
  return found;
}

function foundIn(
  files: readonly DescFile[],
  typeName: string,
  seen: Set<DescFile>,
): DescMessage | DescEnum | undefined {
  for (const file of files.filter((one) => !seen.has(one))) {
    seen.add(file);
    const found = typesOf(file).get(typeName) ?? foundIn(file.dependencies, typeName, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where a type is declared. */
interface Scope {
  readonly file: LateFile;
  readonly parent: LateMessage | undefined;
  /** Of the full names of what is in it; ends with a dot. */
  readonly prefix: string;
}

class LateMessage implements FieldsMessage {
  readonly kind = "message";
  readonly name: string;
  readonly typeName: string;
  readonly file: LateFile;
  readonly parent: LateMessage | undefined;
  readonly deprecated: boolean;
  readonly nestedExtensions: DescExtension[] = [];
  readonly #light: LightMessage;
  readonly #index: number;
  #parts: Parts | undefined;
  #nested: LateMessage[] | undefined;
  #nestedEnums: DescEnum[] | undefined;

  constructor(light: LightMessage, index: number, { file, parent, prefix }: Scope) {
    this.#light = light;
    this.#index = index;
    this.file = file;
    this.parent = parent;
    this.name = light[0];
    this.typeName = prefix + light[0];
    this.deprecated = (light[5] & bits.deprecated) !== 0;
  }

  get isMapEntry(): boolean {
    return (this.#light[5] & bits.mapEntry) !== 0;
  }

  /** With the entries of maps, which are no types of their own. */
  get allNested(): readonly LateMessage[] {
    this.#nested ??= this.#light[2].map((message, index) => new LateMessage(message, index, this.#scope));
    return this.#nested;
  }

  get nestedMessages(): DescMessage[] {
    return this.allNested.filter((message) => !message.isMapEntry);
  }

  get nestedEnums(): DescEnum[] {
    this.#nestedEnums ??= this.#light[3].map((one, index) => new LateEnum(one, index, this.#scope));
    return this.#nestedEnums;
  }

  get fields(): DescField[] {
    this.#parts ??= partsOf(this, this.#light);
    return this.#parts.fields;
  }

  get field(): Record<string, DescField> {
    this.#parts ??= partsOf(this, this.#light);
    return this.#parts.field;
  }

  get oneofs(): DescOneof[] {
    this.#parts ??= partsOf(this, this.#light);
    return this.#parts.oneofs;
  }

  get members(): (DescField | DescOneof)[] {
    this.#parts ??= partsOf(this, this.#light);
    return this.#parts.members;
  }

  get proto(): DescMessage["proto"] {
    return at((this.parent === undefined ? this.file.proto.messageType : this.parent.proto.nestedType)[this.#index]);
  }

  get #scope(): Scope {
    return { file: this.file, parent: this, prefix: `${this.typeName}.` };
  }

  toString(): string {
    return `message ${this.typeName}`;
  }
}

class LateEnum implements DescEnum {
  readonly kind = "enum";
  readonly name: string;
  readonly typeName: string;
  readonly file: LateFile;
  readonly parent: LateMessage | undefined;
  readonly open: boolean;
  readonly deprecated = false;
  readonly sharedPrefix: string | undefined;
  readonly #light: LightEnum;
  readonly #index: number;
  #values: DescEnumValue[] | undefined;
  #value: Record<number, DescEnumValue> | undefined;

  constructor(light: LightEnum, index: number, { file, parent, prefix }: Scope) {
    this.#light = light;
    this.#index = index;
    this.file = file;
    this.parent = parent;
    this.name = light[0];
    this.typeName = prefix + light[0];
    this.sharedPrefix = light[1] === "" ? undefined : light[1];
    this.open = !file.isProto2;
  }

  get values(): DescEnumValue[] {
    this.#values ??= this.#light[2].map((light, index) => enumValueOf(this, light, index));
    return this.#values;
  }

  get value(): Record<number, DescEnumValue> {
    // The first of those that have the same number.
    this.#value ??= Object.fromEntries(this.values.toReversed().map((value) => [value.number, value]));
    return this.#value;
  }

  get proto(): DescEnum["proto"] {
    return at((this.parent === undefined ? this.file.proto.enumType : this.parent.proto.enumType)[this.#index]);
  }

  toString(): string {
    return `enum ${this.typeName}`;
  }
}

function enumValueOf(
  parent: LateEnum,
  [name, number, isDeprecated]: LightEnum[2][number],
  index: number,
): DescEnumValue {
  return {
    kind: "enum_value",
    deprecated: isDeprecated === 1,
    parent,
    name,
    localName: safeObjectProperty(name.slice(parent.sharedPrefix?.length ?? 0)),
    number,
    jsonName: name,
    get proto() {
      return at(parent.proto.value[index]);
    },
    toString: () => `enum value ${parent.typeName}.${name}`,
  };
}

class LateService implements DescService {
  readonly kind = "service";
  readonly deprecated = false;
  readonly name: string;
  readonly typeName: string;
  readonly file: LateFile;
  readonly #light: LightService;
  readonly #index: number;
  #methods: DescMethod[] | undefined;
  #method: Record<string, DescMethod> | undefined;

  constructor(light: LightService, index: number, { file, prefix }: Scope) {
    this.#light = light;
    this.#index = index;
    this.file = file;
    this.name = light[0];
    this.typeName = prefix + light[0];
  }

  get methods(): DescMethod[] {
    this.#methods ??= this.#light[1].map((light, index) => methodOf(this, light, index));
    return this.#methods;
  }

  get method(): Record<string, DescMethod> {
    this.#method ??= Object.fromEntries(this.methods.map((method) => [method.localName, method]));
    return this.#method;
  }

  get proto(): DescService["proto"] {
    return at(this.file.proto.service[this.#index]);
  }

  toString(): string {
    return `service ${this.typeName}`;
  }
}

const methodKinds = ["unary", "client_streaming", "server_streaming", "bidi_streaming"] as const;

function methodOf(parent: LateService, light: LightService[1][number], index: number): DescMethod {
  const [name, input, output, kind, idempotency, isDeprecated] = light;
  return {
    kind: "rpc",
    deprecated: isDeprecated === 1,
    parent,
    name,
    localName: safeObjectProperty(`${name.slice(0, 1).toLowerCase()}${name.slice(1)}`),
    methodKind: at(methodKinds[kind]),
    input: messageNamed(parent.file, input),
    output: messageNamed(parent.file, output),
    idempotency,
    get proto() {
      return at(parent.proto.method[index]);
    },
    toString: () => `rpc ${parent.typeName}.${name}`,
  };
}

function messageNamed(file: LateFile, typeName: string): DescMessage {
  const type = file.type(typeName);
  if (type.kind !== "message") throw new Error(`${file}: ${typeName} is no message`);
  return type;
}
