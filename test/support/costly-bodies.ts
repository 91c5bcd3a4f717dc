import { gzipSync } from "node:zlib";
import { type DescField, type DescMessage, type DescMethod, getOption } from "@bufbuild/protobuf";
import { type FieldRules, field as fieldRules } from "../../src/gen/buf/validate/validate_pb.ts";
import { hasSingleRequest } from "../../src/rpc/bodies/single-bodies.ts";

/** A request that costs little to send, and would cost much to read. */
export interface CostlyBody {
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const grpc = { "content-type": "application/grpc+proto", te: "trailers" };

/** So many copies of some bytes that they fill a size. */
const filled = (piece: Buffer, bytes: number): Buffer =>
  Buffer.alloc(Math.max(piece.length, bytes - (bytes % piece.length)), piece);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

const delimited = (number: number, content: Buffer): Buffer =>
  Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);

/** A field that nobody knows, with the value 0. */
const unknown = Buffer.concat([varint(2047 * 8), Buffer.of(0)]);

const hasMessage = (field: DescField): field is DescField & { readonly message: DescMessage } =>
  field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message");

/** Messages of a schema that are all tags: top-level, and inside of its first message. */
function tinyItems({ fields }: DescMessage, bytes: number): readonly (readonly [string, Buffer])[] {
  const list = fields.find(({ fieldKind }) => fieldKind === "list" || fieldKind === "map");
  const inner = fields.find(hasMessage);
  return [
    ["fields that nobody knows", filled(unknown, bytes)],
    ...(list === undefined ? [] : [["empty items", filled(delimited(list.number, Buffer.alloc(0)), bytes)] as const]),
    ...(inner === undefined
      ? []
      : [["a message of unknown fields", delimited(inner.number, filled(unknown, bytes))] as const]),
  ];
}

const texts = (bytes: number): readonly (readonly [string, string])[] => [
  ["JSON objects in an unknown field", `{"zz":[${"{},".repeat(bytes / 3)}{}]}`],
  ["JSON members", `{"zz":{${Array.from({ length: bytes / 12 }, (_, n) => `"k${n}":0`).join(",")}}}`],
  ["deep JSON", `{"zz":${"[".repeat(bytes / 2)}${"]".repeat(bytes / 2)}}`],
];

const framed = (message: Buffer, flags = 0): Buffer => {
  const frame = Buffer.alloc(5);
  frame.writeUInt8(flags);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
};

/** Requests of one method that fill `bytes` with as many values as fit, in each encoding. */
export function costlyBodies(method: DescMethod, bytes: number): readonly CostlyBody[] {
  const tiny = tinyItems(method.input, bytes);
  const json =
    hasSingleRequest(method) && method.methodKind === "unary" ? "application/json" : "application/connect+json";
  return [
    ...tiny.map(([what, message]) => ({ what, headers: grpc, body: framed(message) })),
    ...tiny.map(([what, message]) => ({
      ...{ what: `${what}, compressed`, headers: { ...grpc, "grpc-encoding": "gzip" } },
      body: framed(gzipSync(message), 1),
    })),
    ...texts(bytes).map(([what, text]) => ({
      ...{ what, headers: { "content-type": json } },
      body: json === "application/json" ? Buffer.from(text) : framed(Buffer.from(text)),
    })),
  ];
}

/**
 * The most bytes that a legal message has by the rules of the proto files, where they tell; what they do not tell
 * counts little.
 */
export function largestLegal(schema: DescMessage, depth = 0): number {
  if (depth > 6 || schema.typeName.startsWith("google.protobuf.")) return 32;
  return schema.fields.reduce((sum, field) => sum + largestField(field, depth), 0);
}

const untold = 128;

function largestField(field: DescField, depth: number): number {
  const rules = getOption(field, fieldRules).type;
  switch (field.fieldKind) {
    case "scalar":
      return scalarBytes(rules);
    case "enum":
      return 8;
    case "message":
      return 8 + largestLegal(field.message, depth + 1);
    case "list": {
      const list = rules.case === "repeated" ? rules.value : undefined;
      const one =
        field.listKind === "message" ? largestLegal(field.message, depth + 1) : scalarBytes(list?.items?.type);
      return (8 + one) * Number(list?.maxItems ?? 0n);
    }
    case "map": {
      const map = rules.case === "map" ? rules.value : undefined;
      return (8 + scalarBytes(map?.keys?.type) + scalarBytes(map?.values?.type)) * Number(map?.maxPairs ?? 0n);
    }
  }
}

type Rules = FieldRules["type"];

/** A character of names and ids is one byte: their rules say so, or nobody writes them otherwise. */
function scalarBytes(rules: Rules | undefined): number {
  if (rules?.case === "bytes") return 8 + Number(rules.value.maxLen);
  if (rules?.case !== "string") return untold;
  const { maxBytes, maxLen } = rules.value;
  return 8 + (Number(maxBytes) || Number(maxLen) || untold);
}
