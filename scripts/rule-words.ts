import { type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type FieldRules, FieldRulesSchema } from "../src/gen/buf/validate/validate_pb.ts";
import { isRecord } from "../src/lib/values/records.ts";

/** A field's rules in plain words: `1 to 128 characters`. */
export function ruleWords(rules: FieldRules): string {
  const json = toJson(FieldRulesSchema, rules);
  return isObject(json) ? wordsOf(json).join("; ") : "";
}

const isObject = (value: JsonValue | undefined): value is JsonObject => isRecord(value);

/** The keys at the top are a field's kind, or hold for every kind. */
function wordsOf(rules: JsonObject): readonly string[] {
  return Object.entries(rules).flatMap(([kind, rule]) => {
    if (kind === "required") return ["required"];
    if (kind === "ignore") return ["not checked when it is empty"];
    if (kind === "cel" && Array.isArray(rule)) return rule.map((one) => (isObject(one) ? String(one.message) : ""));
    return isObject(rule) ? kindWords(kind, rule) : [`${kind} ${JSON.stringify(rule)}`];
  });
}

const units: Readonly<Record<string, string>> = {
  string: " characters",
  bytes: " bytes",
  repeated: " items",
  map: " entries",
};

function kindWords(kind: string, rule: JsonObject): readonly string[] {
  const { minLen, maxLen, minItems, maxItems, minPairs, maxPairs, gte, lte, gt, lt, ...rest } = rule;
  const range = rangeWords(minLen ?? minItems ?? minPairs ?? gte, maxLen ?? maxItems ?? maxPairs ?? lte);
  return [
    ...(range === "" ? [] : [`${range}${units[kind] ?? ""}`]),
    ...(gt === undefined ? [] : [`more than ${String(gt)}`]),
    ...(lt === undefined ? [] : [`less than ${String(lt)}`]),
    ...Object.entries(rest).map(([name, value]) => restWords(name, value)),
  ];
}

function rangeWords(least: JsonValue | undefined, most: JsonValue | undefined): string {
  if (least === undefined) return most === undefined ? "" : `at most ${String(most)}`;
  return most === undefined ? `at least ${String(least)}` : `${String(least)} to ${String(most)}`;
}

const plain: Readonly<Record<string, string>> = {
  definedOnly: "a value of the enum",
  unique: "none twice",
  uuid: "a UUID",
  email: "an e-mail address",
  uri: "a URI",
  ip: "an IP address",
};

function restWords(name: string, value: JsonValue): string {
  if (value === true && plain[name] !== undefined) return plain[name];
  if (name === "pattern") return `matches \`${String(value)}\``;
  if (name === "notIn" && [value].flat().join() === "0") return "not the unspecified one";
  if (name === "in" || name === "notIn")
    return `${name === "in" ? "one of" : "none of"} ${[value].flat().map(String).join(", ")}`;
  if (isObject(value)) return `${each[name] ?? name}: ${wordsOf(value).join("; ")}`;
  return name === "maxBytes" ? `at most ${String(value)} bytes` : `${name} ${JSON.stringify(value)}`;
}

const each: Readonly<Record<string, string>> = { items: "each", keys: "each key", values: "each value" };
