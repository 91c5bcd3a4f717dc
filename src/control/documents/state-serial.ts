import { WindlassError } from "../../lib/words/errors.ts";
import { isEncryptedState } from "./encrypted-state.ts";
import { type TextPlace, withTexts } from "./state-texts.ts";
import { topLevelKeys } from "./state-syntax.ts";

/** Where the digits of a state's serial stand. */
export type SerialPlace = TextPlace;

/** The same state with another serial; see `withTexts`. */
export const withSerial = (state: AsyncIterable<Uint8Array>, place: SerialPlace, serial: number) =>
  withTexts(state, [{ ...place, text: String(serial) }]);

/**
 * Finds the serial of a state, which one that OpenTofu has encrypted keeps: it stands inside as well. Refuses one whose
 * serial is not plain with `validation`.
 */
export function serialPlace(state: Uint8Array): SerialPlace | "encrypted" {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  if (isEncryptedState(bytes)) return "encrypted";
  let found: SerialPlace | undefined;
  let times = 0;
  for (const { key, end } of topLevelKeys(bytes)) {
    if (key !== "serial") continue;
    times += 1;
    found = plainSerialAt(bytes, end);
  }
  if (times !== 1) {
    throw new WindlassError(
      "validation",
      `a state ${times === 0 ? "without a" : "with more than one"} serial cannot get another one`,
    );
  }
  if (found !== undefined) return found;
  throw new WindlassError("validation", "a state whose serial is not written as plain digits cannot get another one");
}

/** Where the digits stand after the key that ends at `end`; undefined for another number, such as 1e3. */
export function plainSerialAt(bytes: Buffer, end: number): SerialPlace | undefined {
  const from = end + (/^[\s:]*/.exec(bytes.toString("latin1", end, end + maxSpace))?.[0].length ?? 0);
  const digits = /^(?:0|[1-9]\d*)(?=[\s,}])/.exec(bytes.toString("latin1", from, from + maxDigits + 1))?.[0];
  return digits === undefined ? undefined : { from, to: from + digits.length };
}

const maxSpace = 1024;
const maxDigits = 30;
