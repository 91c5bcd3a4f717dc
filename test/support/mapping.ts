import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { fromMask, type UpdatableFields } from "../../src/rpc/mapping/field-mask.ts";

/** A message as its JSON, for tables of tests: enums by name, instants as text, and what is absent left out. */
export const shown = <D extends DescMessage>(schema: D, message: MessageInitShape<D>): unknown =>
  toJson(schema, create(schema, message));

/** The paths of fields that none of the messages sets, those of messages in them too: nothing, if every field has its source. */
export const unsetFields = <D extends DescMessage>(
  schema: D,
  ...messages: readonly MessageInitShape<D>[]
): readonly string[] =>
  unsetIn(
    schema,
    messages.map((message) => create<DescMessage>(schema, message)),
    "",
  );

const unsetIn = (schema: DescMessage, messages: readonly Message[], path: string): readonly string[] =>
  schema.fields.flatMap((field) => {
    const name = `${path}${field.name}`;
    const set = messages.filter((message) => reflect(schema, message).isSet(field));
    if (set.length === 0) return [name];
    const inner = innerOf(field);
    return inner === undefined
      ? []
      : unsetIn(
          inner,
          set.flatMap((message) => valuesOf(schema, message, field)),
          `${name}.`,
        );
  });

/** The message that a field holds, one or many; none for those of Google, which are single values. */
function innerOf(field: DescField): DescMessage | undefined {
  const isNested = field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message");
  return isNested && !field.message?.typeName.startsWith("google.") ? field.message : undefined;
}

function valuesOf(schema: DescMessage, message: Message, field: DescField): readonly Message[] {
  const seen = reflect(schema, message);
  if (field.fieldKind === "message") return [seen.get(field).message];
  if (field.fieldKind !== "list" || field.listKind !== "message") return [];
  return [...seen.get(field)].flatMap((value) => (isReflected(value) ? [value.message] : []));
}

const isReflected = (value: unknown): value is { readonly message: Message } =>
  typeof value === "object" && value !== null && "message" in value;

/** A table from words of the domain to values of an enum, in the enum's own names. */
export const namedValues = (
  schema: DescEnum,
  table: Readonly<Record<string, number>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(table).map(([word, value]) => [word, schema.value[value]?.name ?? `${value}?`]));

/** The values of an enum that no word stands for, but that of 0 and those that are sent no more. */
export const unnamedValues = (schema: DescEnum, table: Readonly<Record<string, number>>): readonly string[] => {
  const used = new Set(Object.values(table));
  const open = schema.values.filter(({ number, deprecated }) => number !== 0 && !deprecated && !used.has(number));
  return open.map(({ name }) => name);
};

/** What a peer of another version could send as a value of any enum: read a message from JSON that has it. */
export const unknownValue: number = 99;

/** What an update reads that names one field, for each field that it may name. */
export const changesByField = <M, S>(fields: UpdatableFields<M, S>, message: M): Readonly<Record<string, Partial<S>>> =>
  Object.fromEntries(
    Object.keys(fields).map((path) => [path, fromMask(create(FieldMaskSchema, { paths: [path] }), message, fields)]),
  );

/** The fields of a message that no update may name. */
export const fixedFields = <M, S>(schema: DescMessage, fields: UpdatableFields<M, S>): readonly string[] =>
  schema.fields.map(({ name }) => name).filter((name) => !Object.hasOwn(fields, name));
