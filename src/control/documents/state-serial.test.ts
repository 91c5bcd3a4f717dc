import { expect, test } from "vitest";
import { serialPlace, withSerial } from "./state-serial.ts";

/** The state, which comes in pieces of some bytes. */
async function changed(text: string, serial: number, pieceBytes = 1_000): Promise<string> {
  const state = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < state.length; at += pieceBytes) yield state.subarray(at, at + pieceBytes);
  }
  const place = serialPlace(state);
  if (place === "encrypted") throw new Error("it is encrypted");
  return Buffer.concat(await Array.fromAsync(withSerial(pieces(), place, serial))).toString();
}

test("only the serial of the state itself is written anew", async () => {
  const state = (serial: string) =>
    `{\n  "version": 4, "note": "\\"serial\\": 1", "resources": [{"serial": 5, "n": 12345678901234567890.10}],\n  "serial" : ${serial},\n  "é": "serial"}`;
  for (const pieceBytes of [1, 2, 3, 7, 64, 1_000]) {
    expect(await changed(state("7"), 42, pieceBytes)).toBe(state("42"));
    expect(await changed('{"serial":9007199254740993}', 8, pieceBytes)).toBe('{"serial":8}');
  }
});

test("a value that is the word serial is not taken for the key", async () => {
  expect(await changed('{"kind":"serial","serial":1}', 2)).toBe('{"kind":"serial","serial":2}');
});

test("a state without one is refused", async () => {
  await expect(changed('{"a":{"serial":1}}', 2)).rejects.toThrow("without a serial");
  await expect(changed('{"serial":1,"s\\u0065rial":3}', 2)).rejects.toThrow("more than one serial");
  for (const serial of ["1e1", "1.0", '"1"', "-1"])
    await expect(changed(`{"serial":${serial}}`, 2)).rejects.toThrow("not written as plain digits");
});

test("a state that tofu has encrypted keeps its serial, and a plain one that speaks of encryption does not", () => {
  const placeIn = (text: string) => serialPlace(Buffer.from(text));
  expect(placeIn('{"serial":1,"lineage":"l","meta":{},"encrypted_data":"x","encryption_version":"v0"}')).toBe(
    "encrypted",
  );
  expect(placeIn('{"serial":1,"outputs":{"encrypted_data":{"value":1}}}')).toEqual({ from: 10, to: 11 });
});
