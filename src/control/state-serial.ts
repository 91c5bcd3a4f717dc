import { WindlassError } from "../lib/errors.ts";
import { topLevelKeys } from "./state-syntax.ts";

/**
 * The same state with another serial. Only that number is written anew: what a parser would do to large numbers and to
 * the order of keys must not happen to a state. Refuses a state whose serial is not plain with `validation`.
 */
export function withSerial(state: Uint8Array, serial: number): Uint8Array {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  const places = [...topLevelKeys(bytes)].filter(({ key }) => key === "serial");
  const [place] = places;
  if (place === undefined || places.length > 1) {
    throw new WindlassError(
      "validation",
      `a state ${place === undefined ? "without a" : "with more than one"} serial cannot get another one`,
    );
  }
  const digits = plainSerialAt(bytes, place.end);
  if (digits === undefined) {
    throw new WindlassError("validation", "a state whose serial is not written as plain digits cannot get another one");
  }
  return Buffer.concat([bytes.subarray(0, digits.from), Buffer.from(String(serial)), bytes.subarray(digits.to)]);
}

/** Where the digits stand after the key that ends at `end`; undefined for another number, such as 1e3. */
export function plainSerialAt(bytes: Buffer, end: number): { readonly from: number; readonly to: number } | undefined {
  const from = end + (/^[\s:]*/.exec(bytes.toString("latin1", end, end + maxSpace))?.[0].length ?? 0);
  const digits = /^(?:0|[1-9]\d*)(?=[\s,}])/.exec(bytes.toString("latin1", from, from + maxDigits + 1))?.[0];
  return digits === undefined ? undefined : { from, to: from + digits.length };
}

const maxSpace = 1024;
const maxDigits = 30;
