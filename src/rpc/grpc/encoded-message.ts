import { type DescField, type DescMessage, type Message, ScalarType, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { fieldOf } from "../../lib/values/records.ts";

/** Bytes of a field are sent from where they lie, if they are so many. */
const largeBytes = 16 * 1024;

/**
 * A message encoded, in parts that belong behind each other. A large field of bytes is a part as it is, where the encoder would
 * copy it twice; it comes last, for fields come in any order. The bytes must not change until they are sent.
 */
export function encodedMessage(schema: DescMessage, message: Message): readonly Uint8Array[] {
  for (const field of bytesFieldsOf(schema)) {
    const bytes = fieldOf(message, field.localName);
    if (!(bytes instanceof Uint8Array) || bytes.length < largeBytes) continue;
    const rest = toBinary(schema, Object.assign(Object.create(Object.getPrototypeOf(message)), message, empty(field)));
    const head = new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(bytes.length).finish();
    return [rest, head, bytes];
  }
  return [toBinary(schema, message)];
}

const noBytes = new Uint8Array();

const empty = ({ localName }: DescField): Readonly<Record<string, Uint8Array>> => ({ [localName]: noBytes });

const known = new WeakMap<DescMessage, readonly DescField[]>();

/** Fields of bytes that are left out while they are empty. */
function bytesFieldsOf(schema: DescMessage): readonly DescField[] {
  const found = known.get(schema) ?? schema.fields.filter(isPlainBytes);
  known.set(schema, found);
  return found;
}

const isPlainBytes = (field: DescField): boolean =>
  field.fieldKind === "scalar" &&
  field.scalar === ScalarType.BYTES &&
  field.oneof === undefined &&
  field.presence === FeatureSet_FieldPresence.IMPLICIT;
