import { isJsonList, isJsonObject, type Json, JsonNumber, type JsonObject, readJson } from "../../lib/json/json.ts";
import { goQuote } from "../../lib/text/go-quote.ts";
import { parseEvent } from "./events.ts";

/** Two columns a level: deeper values than this would take more text for their margins than for themselves. */
const maxIndent = 400;

/**
 * The `Outputs:` block of an apply as terraform prints it, made from the line of its `outputs` event; "" without
 * outputs.
 */
export function renderOutputs(line: string): string {
  const event = parseEvent(line) === undefined ? null : readJson(line);
  const outputs = isJsonObject(event) ? event.get("outputs") : undefined;
  if (!isJsonObject(outputs) || outputs.size === 0) return "";
  const lines = sorted(outputs.keys()).map((name) => `${name} = ${renderOutput(outputs.get(name))}\n`);
  return `\nOutputs:\n\n${lines.join("")}`;
}

const sorted = (names: Iterable<string>): readonly string[] =>
  [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

function renderOutput(output: Json | undefined): string {
  if (!isJsonObject(output)) throw new TypeError("an output is no object");
  if ((output.get("sensitive") ?? false) !== false) return "<sensitive>";
  return renderValue(output.get("value") ?? null, output.get("type") ?? "dynamic", 0);
}

type TypeOf<Key> = (key: Key) => Json;

/** As terraform's `repl.FormatValue`; `type` is a type in cty's JSON form: "string", ["list", T], ["object", {…}], … */
function renderValue(value: Json, type: Json, indent: number): string {
  if (indent > maxIndent) throw new RangeError("an output is nested too deeply");
  if (value === null) return renderNull(type);
  if (value instanceof JsonNumber) return value.text;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return type === "number" ? value : renderString(value, indent);
  const [kind, inner = null] = isJsonList(type) ? type : [type];
  // A value of unknown type carries its own: {"value": …, "type": …}.
  if (kind === "dynamic" && isTyped(value))
    return renderValue(value.get("value") ?? null, value.get("type") ?? null, indent);
  const text = isJsonList(value)
    ? renderSequence(value, (at) => (kind === "tuple" ? placeIn(inner, at) : inner) ?? "dynamic", indent)
    : renderMapping(value, (name) => (kind === "object" ? memberOf(inner, name) : inner) ?? "dynamic", indent);
  const wrapper = typeof kind === "string" ? wrappers.get(kind) : undefined;
  return wrapper === undefined ? text : `${wrapper}(${text})`;
}

const placeIn = (types: Json, at: number): Json | undefined => (isJsonList(types) ? types[at] : undefined);
const memberOf = (types: Json, name: string): Json | undefined => (isJsonObject(types) ? types.get(name) : undefined);

const wrappers = new Map([
  ["list", "tolist"],
  ["set", "toset"],
  ["map", "tomap"],
]);

const isTyped = (value: readonly Json[] | JsonObject): value is JsonObject =>
  isJsonObject(value) && value.size === 2 && value.has("type") && value.has("value");

function renderNull(type: Json): string {
  if (type === "string" || type === "number" || type === "bool") return `to${type}(null)`;
  if (!isJsonList(type)) return "null";
  const [kind, inner = null] = type;
  const wrapper = wrappers.get(String(kind));
  return wrapper === undefined ? `null /* ${String(kind)} */` : `${wrapper}(null) /* of ${friendlyName(inner)} */`;
}

function friendlyName(type: Json): string {
  if (isJsonList(type))
    return type.length > 1 && wrappers.has(String(type[0]))
      ? `${String(type[0])} of ${friendlyName(type[1] ?? null)}`
      : String(type[0]);
  return String(type);
}

function renderSequence(items: readonly Json[], typeOf: TypeOf<number>, indent: number): string {
  const inner = indent + 2;
  const lines = items.map((item, index) => `\n${" ".repeat(inner)}${renderValue(item, typeOf(index), inner)},`);
  return `[${lines.join("")}${lines.length > 0 ? `\n${" ".repeat(indent)}` : ""}]`;
}

function renderMapping(items: JsonObject, typeOf: TypeOf<string>, indent: number): string {
  const inner = indent + 2;
  const lines = sorted(items.keys()).map((name) => {
    const value = renderValue(items.get(name) ?? null, typeOf(name), inner);
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
