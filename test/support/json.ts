import fc from "fast-check";
import { quoted } from "../../src/lib/hcl/text.ts";
import { type Json, readJson } from "../../src/lib/json/json.ts";
import { writeJson } from "../../src/lib/json/text.ts";

/** For tests: a plain value as it is read from JSON. */
export const exact = (value: unknown): Json => readJson(JSON.stringify(value));

/** For tests: a value that holds what was read from JSON, as a plain one. Numbers may lose digits. */
export const plain = <T extends Json | object>(value: T) => JSON.parse(writeJson(value));

const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 45 });
const knownNumbers = [
  ...["9007199254740993", "-9007199254740993", "1e400", "-0", "0", "1E5", "1e+07", "1.0", "1e-99999999999999999999"],
  ...["0.1234567890123456789012345678901234567890", "18446744073709551617"],
];

/** For tests: numbers that a float does not hold, or would write in another way. */
export const hostileNumber = fc.oneof(
  fc.constantFrom(...knownNumbers),
  fc
    .tuple(fc.constantFrom("", "-"), digits, digits, fc.constantFrom("", "e7", "E-400", "e+99999"))
    .map(
      ([sign, whole, fraction, power]) =>
        `${sign}${whole.replace(/^0+(?=.)/, "") || "7"}${fraction === "" ? "" : `.${fraction}`}${power}`,
    ),
);

/** For tests: names that objects of JavaScript have, or put elsewhere than they were written. */
export const hostileName = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "toJSON", "10", "9", "0", "-1", ""),
  fc.string({ unit: "binary", maxLength: 8 }),
);

interface Written {
  readonly json: string;
  readonly hcl: string;
}

const word = (text: string): Written => ({ json: text, hcl: text });

/** For tests: one value as JSON without white space and as HCL, without two values of one key. */
export const { value: writtenValue } = fc.letrec<{ value: Written }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    hostileNumber.map(word),
    fc
      .string({ unit: "binary", maxLength: 12 })
      .map((text): Written => ({ json: JSON.stringify(text), hcl: quoted(text) })),
    fc.constantFrom("true", "false", "null").map(word),
    fc.array(tie("value"), { maxLength: 5 }).map((items) => ({
      json: `[${items.map(({ json }) => json).join(",")}]`,
      hcl: `[${items.map(({ hcl }) => hcl).join(", ")}]`,
    })),
    fc.uniqueArray(fc.tuple(hostileName, tie("value")), { maxLength: 5, selector: ([name]) => name }).map((items) => ({
      json: `{${items.map(([name, { json }]) => `${JSON.stringify(name)}:${json}`).join(",")}}`,
      hcl: items.length === 0 ? "{}" : `{ ${items.map(([name, { hcl }]) => `${quoted(name)} = ${hcl}`).join(", ")} }`,
    })),
  ),
}));

/** For tests: JSON without white space. */
export const jsonText = writtenValue.map(({ json }) => json);
