import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** Deeper messages than any of the published ones. */
const maxDepth = 50;

/**
 * How many fields, list items and map entries a protobuf message holds, those that nobody knows included. It looks at tags
 * and lengths only, and stops once there are more than `most`; what is malformed is left to the decoder.
 */
export function countValues(desc: DescMessage, bytes: Uint8Array, most: number): number {
  const scan = new Scan(bytes, most);
  scan.message(desc, bytes.length, 0);
  return scan.count;
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const startGroup = 3;
const endGroup = 4;
const fixed32 = 5;

class Scan {
  count = 0;
  readonly #bytes: Uint8Array;
  readonly #most: number;
  #at = 0;

  constructor(bytes: Uint8Array, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  get #isOver(): boolean {
    return this.count > this.#most;
  }

  message(desc: DescMessage, end: number, depth: number): void {
    const fields = fieldsOf(desc);
    while (this.#at < end && !this.#isOver) {
      const tag = this.#varint();
      this.count += 1;
      this.#value(tag % 8, fields.get(Math.floor(tag / 8)), depth);
    }
  }

  #value(wireType: number, field: DescField | undefined, depth: number): void {
    if (wireType === varint) this.#varint();
    else if (wireType === fixed64) this.#at += 8;
    else if (wireType === fixed32) this.#at += 4;
    else if (wireType === lengthDelimited) this.#delimited(field, depth);
    // The fields of a group follow and are counted one by one.
    else if (wireType !== startGroup && wireType !== endGroup) this.#at = this.#bytes.length;
  }

  #delimited(field: DescField | undefined, depth: number): void {
    const length = this.#varint();
    const end = Math.min(this.#at + length, this.#bytes.length);
    const inner = field === undefined ? undefined : messageIn(field);
    if (inner !== undefined && depth < maxDepth) this.message(inner, end, depth + 1);
    // At most: no request has a map of messages yet.
    else if (field?.fieldKind === "map") this.count += field.mapKind === "message" ? length : 1;
    else if (field?.fieldKind === "list" && field.packed) this.count += length;
    this.#at = end;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let size = 0; size < 10; size++) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 128;
    }
    return value;
  }
}

function messageIn(field: DescField): DescMessage | undefined {
  if (field.fieldKind === "message") return field.message;
  if (field.fieldKind === "list" && field.listKind === "message") return field.message;
  return undefined;
}

const known = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(desc: DescMessage): ReadonlyMap<number, DescField> {
  const found = known.get(desc) ?? new Map(desc.fields.map((field) => [field.number, field]));
  known.set(desc, found);
  return found;
}
