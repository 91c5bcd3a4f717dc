import { type Json, type OutputValue, parseEvent } from "./events.ts";

/** Two columns a level: deeper values than this would take more text for their margins than for themselves. */
const maxIndent = 400;

/** A number as it was written: JSON's own numbers would lose digits that terraform keeps. */
class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = null | boolean | string | NumberText | readonly Value[] | { readonly [name: string]: Value };

/** The `Outputs:` block of an apply as terraform prints it, made from the line of its `outputs` event; "" without outputs. */
export function renderOutputs(line: string): string {
  const outputs = Object.entries((withNumberTexts(line) as { outputs?: Record<string, OutputValue> }).outputs ?? {});
  if (outputs.length === 0) return "";
  const lines = outputs
    .sort(([a], [b]) => (Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0 ? -1 : 1))
    .map(([name, output]) => `${name} = ${renderOutput(output)}\n`);
  return `\nOutputs:\n\n${lines.join("")}`;
}

const withNumberTexts = (line: string): unknown =>
  parseEvent(line) === undefined
    ? {}
    : JSON.parse(line, (_, value: unknown, context?: { readonly source?: string }) =>
        typeof value === "number" && context?.source !== undefined ? new NumberText(context.source) : value,
      );

function renderOutput({ sensitive, type, value }: OutputValue): string {
  if (sensitive) return "<sensitive>";
  return renderValue((value ?? null) as Value, type ?? "dynamic", 0);
}

/** As terraform's `repl.FormatValue`; `type` is a type in cty's JSON form: "string", ["list", T], ["object", {…}], … */
function renderValue(value: Value, type: Json, indent: number): string {
  if (indent > maxIndent) throw new RangeError("an output is nested too deeply");
  if (value === null) return renderNull(type);
  if (value instanceof NumberText) return value.text;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return type === "number" ? value : renderString(value, indent);
  const [kind, inner = null] = Array.isArray(type) ? type : [type];
  // A value of unknown type carries its own: {"value": …, "type": …}.
  if (kind === "dynamic" && isTyped(value)) return renderValue(value.value, value.type as Json, indent);
  const text = isArray(value)
    ? renderSequence(value, kind === "tuple" ? inner : { every: inner }, indent)
    : renderMapping(value, kind === "object" ? inner : { every: inner }, indent);
  const wrapper = typeof kind === "string" ? wrappers.get(kind) : undefined;
  return wrapper === undefined ? text : `${wrapper}(${text})`;
}

const wrappers = new Map([
  ["list", "tolist"],
  ["set", "toset"],
  ["map", "tomap"],
]);

const isArray = (value: Value): value is readonly Value[] => Array.isArray(value);

const isTyped = (value: Value): value is { readonly value: Value; readonly type: Value } =>
  typeof value === "object" && value !== null && "type" in value && "value" in value && Object.keys(value).length === 2;

function renderNull(type: Json): string {
  if (type === "string" || type === "number" || type === "bool") return `to${type}(null)`;
  if (!Array.isArray(type)) return "null";
  const [kind, inner = null] = type as readonly Json[];
  const wrapper = wrappers.get(String(kind));
  return wrapper === undefined ? `null /* ${String(kind)} */` : `${wrapper}(null) /* of ${friendlyName(inner)} */`;
}

function friendlyName(type: Json): string {
  if (Array.isArray(type))
    return type.length > 1 && wrappers.has(String(type[0]))
      ? `${String(type[0])} of ${friendlyName(type[1] ?? null)}`
      : String(type[0]);
  return String(type);
}

/** The type of an element: by place in a tuple, by name in an object, the same for all elsewhere. */
function elementType(types: Json, key: string | number): Json {
  if (typeof types !== "object" || types === null) return "dynamic";
  if (Array.isArray(types)) return types[Number(key)] ?? "dynamic";
  const named = types as { readonly [name: string]: Json };
  return ("every" in named && Object.keys(named).length === 1 ? named.every : named[key]) ?? "dynamic";
}

function renderSequence(items: readonly Value[], types: Json, indent: number): string {
  const inner = indent + 2;
  const lines = items.map(
    (item, index) => `\n${" ".repeat(inner)}${renderValue(item, elementType(types, index), inner)},`,
  );
  return `[${lines.join("")}${lines.length > 0 ? `\n${" ".repeat(indent)}` : ""}]`;
}

function renderMapping(items: { readonly [name: string]: Value }, types: Json, indent: number): string {
  const inner = indent + 2;
  const names = Object.keys(items).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const lines = names.map((name) => {
    const value = renderValue(items[name] ?? null, elementType(types, name), inner);
    return `\n${" ".repeat(inner)}${renderString(name, inner)} = ${value}`;
  });
  return `{${lines.join("")}${lines.length > 0 ? `\n${" ".repeat(indent)}` : ""}}`;
}

function renderString(text: string, indent: number): string {
  const lines = text.split("\n");
  if (lines.length < 2) return goQuote(text);
  let mark = "EOT";
  while (lines.some((line) => line.trim() === mark)) mark += "_";
  const margin = `\n${" ".repeat(indent)}`;
  return `<<${indent > 0 ? "-" : ""}${mark}${lines.map((line) => margin + line).join("")}${margin}${mark}`;
}

const escapes = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** As Go's `strconv.Quote`. */
function goQuote(text: string): string {
  let out = "";
  for (const char of text) out += escapes.get(char) ?? (printable.test(char) ? char : goEscape(char));
  return `"${out}"`;
}

function goEscape(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
