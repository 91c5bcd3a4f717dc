import { decode, ExtData, encode } from "@msgpack/msgpack";
import type { DynamicValue } from "./gen/tfplugin6_pb.ts";

/** What terraform passes about: JSON, and values that nobody knows yet. */
export type Value =
  | null
  | string
  | number
  | boolean
  | ExtData
  | readonly Value[]
  | { readonly [name: string]: Value | undefined };
export type Values = Readonly<Record<string, Value>>;

/** The value of an attribute until the apply. */
export const unknown: Value = new ExtData(0, new Uint8Array([0]));

export const isUnknown = (value: Value | undefined): boolean => value instanceof ExtData;

export const pack = (value: Value): { readonly msgpack: Uint8Array<ArrayBuffer> } => ({ msgpack: encode(value) });

export function unpack(value: DynamicValue | undefined): Value {
  if (value === undefined) return null;
  if (value.msgpack.length > 0) return decode(value.msgpack) as Value;
  return value.json.length > 0 ? JSON.parse(Buffer.from(value.json).toString()) : null;
}

/** An object of attributes, or null for one that does not exist. */
export const unpackValues = (value: DynamicValue | undefined): Values | null => unpack(value) as Values | null;

export const text = (value: Value | undefined): string => (typeof value === "string" ? value : "");
export const number = (value: Value | undefined): number => (typeof value === "number" ? value : 0);
export const texts = (value: Value | undefined): readonly string[] => (Array.isArray(value) ? value.map(text) : []);

export const isSame = (one: Value | undefined, other: Value | undefined): boolean =>
  Buffer.compare(encode(one ?? null, { sortKeys: true }), encode(other ?? null, { sortKeys: true })) === 0;
