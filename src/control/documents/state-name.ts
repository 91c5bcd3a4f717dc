import { JsonNumber } from "../../lib/json/json.ts";
import { documentIn } from "../../lib/json/shapes.ts";
import { isEncryptedState } from "./encrypted-state.ts";
import { plainSerialAt } from "./state-serial.ts";
import { topLevelKeys } from "./state-syntax.ts";
import type { TextPlace } from "./state-texts.ts";

/** What a state itself says of its lineage and serial, and where. */
export interface StateName {
  readonly lineage: string;
  readonly serial: number;
  /** Null for one that tofu has encrypted: its name stands inside as well. */
  readonly places: { readonly lineage: TextPlace; readonly serial: TextPlace } | null;
}

/** The name of a state; null if it is not plain. Nothing else of it is taken apart, however large it is. */
export function stateNameIn({ buffer, byteOffset, byteLength }: Uint8Array): StateName | null {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  let lineage: (TextPlace & { readonly value: string }) | undefined;
  let serial: (TextPlace & { readonly value: number }) | undefined;
  for (const { key, end } of topLevelKeys(bytes)) {
    if (key === "lineage") lineage = textAt(bytes, end);
    if (key === "serial") serial = numberAt(bytes, end);
  }
  if (lineage === undefined || serial === undefined) return null;
  const places = isEncryptedState(bytes) ? null : { lineage: placeOf(lineage), serial: placeOf(serial) };
  return { lineage: lineage.value, serial: serial.value, places };
}

const placeOf = ({ from, to }: TextPlace): TextPlace => ({ from, to });

function numberAt(bytes: Buffer, end: number) {
  const place = plainSerialAt(bytes, end);
  const value = place && documentIn(bytes.subarray(place.from, place.to));
  return place !== undefined && value instanceof JsonNumber ? { ...place, value: Number(value.text) } : undefined;
}

/** Longer than any lineage. */
const maxTextBytes = 1024;

/** The string after a key, with its quotes. */
function textAt(bytes: Buffer, end: number) {
  const text = bytes.toString("latin1", end, end + maxTextBytes);
  const [, space = "", quoted = ""] = /^([\s:]*)("(?:[^"\\]|\\.)*")/.exec(text) ?? [];
  const from = end + space.length;
  const to = from + quoted.length;
  const value = quoted === "" ? undefined : documentIn(bytes.subarray(from, to));
  return typeof value === "string" ? { from, to, value } : undefined;
}
