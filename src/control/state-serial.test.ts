import { expect, test } from "vitest";
import { withSerial } from "./state-serial.ts";

const changed = (text: string, serial: number): string => Buffer.from(withSerial(Buffer.from(text), serial)).toString();

test("only the serial of the state itself is written anew", () => {
  const state = (serial: string) =>
    `{\n  "version": 4, "note": "\\"serial\\": 1", "resources": [{"serial": 5, "n": 12345678901234567890.10}],\n  "serial" : ${serial},\n  "é": "serial"}`;
  expect(changed(state("7"), 42)).toBe(state("42"));
  expect(changed('{"serial":9007199254740993}', 8)).toBe('{"serial":8}');
});

test("a value that is the word serial is not taken for the key", () => {
  expect(changed('{"kind":"serial","serial":1}', 2)).toBe('{"kind":"serial","serial":2}');
});

test("a state without one is refused", () => {
  expect(() => changed('{"a":{"serial":1}}', 2)).toThrow("without a serial");
  expect(() => changed('{"serial":1,"s\\u0065rial":3}', 2)).toThrow("more than one serial");
  for (const serial of ["1e1", "1.0", '"1"', "-1"])
    expect(() => changed(`{"serial":${serial}}`, 2)).toThrow("not written as plain digits");
});
