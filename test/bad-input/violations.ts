import { type DescField, getOption, ScalarType } from "@bufbuild/protobuf";
import { type FieldRules, field as fieldOption } from "../../src/gen/buf/validate/validate_pb.ts";

/** A value that breaks a rule, and which rule. */
export interface Violation {
  readonly rule: string;
  readonly value: unknown;
}

/** Stands for a field that is left out. */
export const absent = Symbol("absent");
/** Stands for a value of an enum that nobody has defined. */
const undefinedNumber = 99;

/** The rules of a field in the proto files. */
export const rulesOf = (field: DescField): FieldRules => getOption(field, fieldOption);

/** For each rule of a singular field a value that breaks it. */
export function violationsOf(field: DescField): readonly Violation[] {
  const rules = rulesOf(field);
  const missing = rules.required === true ? [{ rule: "required", value: absent }] : [];
  return [...missing, ...brokenBy(field, rules)];
}

/** For each rule of the elements of a list a value that breaks it. */
export function itemViolationsOf(field: DescField): readonly Violation[] {
  const rules = rulesOf(field).type;
  return rules.case === "repeated" && rules.value.items !== undefined ? brokenBy(field, rules.value.items) : [];
}

/** How many elements a list must and may have. */
export function sizesOf(field: DescField): { readonly min: number; readonly max: number | undefined } {
  const rules = rulesOf(field).type;
  if (rules.case !== "repeated") return { min: 0, max: undefined };
  const max = Number(rules.value.maxItems);
  return { min: Number(rules.value.minItems), max: max === 0 ? undefined : max };
}

function brokenBy(field: DescField, { type }: Pick<FieldRules, "type">): readonly Violation[] {
  switch (type.case) {
    case "string":
      return textViolations(type.value);
    case "bytes":
      return [
        ...(type.value.minLen > 0n ? [{ rule: "min_len", value: new Uint8Array() }] : []),
        ...(type.value.maxLen > 0n ? [{ rule: "max_len", value: new Uint8Array(Number(type.value.maxLen) + 1) }] : []),
      ];
    case "enum":
      return [
        ...(type.value.definedOnly ? [{ rule: "defined_only", value: undefinedNumber }] : []),
        ...type.value.notIn.map((value) => ({ rule: "not_in", value })),
      ];
    case "int32":
    case "uint32":
    case "int64":
    case "uint64":
      return numberViolations(field, type.value);
    case "duration":
      return durationViolations(type.value);
    default:
      return [];
  }
}

type TextRules = Extract<FieldRules["type"], { case: "string" }>["value"];

function textViolations({ minLen, maxLen, maxBytes, pattern, wellKnown, in: words }: TextRules): readonly Violation[] {
  const tooLong = Number(maxLen || maxBytes) + 1;
  return [
    ...(minLen > 0n ? [{ rule: "min_len", value: "" }] : []),
    ...(tooLong > 1 ? [{ rule: "max_len", value: "x".repeat(tooLong) }] : []),
    ...(pattern !== "" ? [{ rule: "pattern", value: "\u0000 is in no pattern\n" }] : []),
    ...(wellKnown.case === "uuid" ? [{ rule: "uuid", value: "not-a-uuid" }] : []),
    ...(words.length > 0 ? [{ rule: "in", value: "none of them" }] : []),
  ];
}

interface Bound {
  readonly case: string | undefined;
  readonly value?: unknown;
}

function numberViolations(
  field: DescField,
  rules: { readonly lessThan: Bound; readonly greaterThan: Bound },
): readonly Violation[] {
  const { lessThan, greaterThan } = rules;
  const isLong = field.scalar === ScalarType.INT64 || field.scalar === ScalarType.UINT64;
  const isSigned = field.scalar === ScalarType.INT32 || field.scalar === ScalarType.INT64;
  const asWritten = (value: number) => (isLong ? BigInt(value) : value);
  const above = Number(lessThan.value ?? 0) + (lessThan.case === "lte" ? 1 : 0);
  const below = Number(greaterThan.value ?? 0) - (greaterThan.case === "gte" ? 1 : 0);
  return [
    ...(lessThan.case === undefined ? [] : [{ rule: lessThan.case, value: asWritten(above) }]),
    ...(greaterThan.case === undefined || (below < 0 && !isSigned)
      ? []
      : [{ rule: greaterThan.case, value: asWritten(below) }]),
  ];
}

type DurationRules = Extract<FieldRules["type"], { case: "duration" }>["value"];

const durationViolations = ({ lessThan, greaterThan }: DurationRules): readonly Violation[] => [
  ...(lessThan.case === undefined ? [] : [{ rule: lessThan.case, value: { seconds: lessThan.value.seconds + 1n } }]),
  ...(greaterThan.case === undefined
    ? []
    : [{ rule: greaterThan.case, value: { seconds: greaterThan.value.seconds - 1n } }]),
];
