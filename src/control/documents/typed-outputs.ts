import { createHash } from "node:crypto";
import { isJsonList, isJsonObject, type Json, JsonNumber } from "../../lib/json/json.ts";
import { writeJson } from "../../lib/json/text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { encryptedKey, encryptedState } from "./encrypted-state.ts";
import { stateDocument } from "./state-contents.ts";
import { isHarmless, outputsOf } from "./state-outputs.ts";

/** An output as it stands in a state, its sensitive value too. */
export interface TypedOutput {
  readonly name: string;
  readonly isSensitive: boolean;
  /** As terraform writes it: `"string"`, or `["list","string"]`; JSON text. */
  readonly typeJson: string;
  readonly valueJson: string;
}

/** An output without its value. */
export interface OutputName extends Pick<TypedOutput, "name" | "isSensitive"> {
  /** See `outputKey`. */
  readonly key: string;
}

/** Some of the outputs of a state, and how many it has. */
export interface TypedOutputs {
  readonly rows: readonly TypedOutput[];
  readonly total: number;
}

/** What an output is known by among those of its state: short, whatever its name is. */
export const outputKey = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 16);

/** Most bytes of values in one answer. */
const maxBytes = 16 * 1024 * 1024;

/** The outputs of a state by name, from one on. Throws `answer_too_large` if they are more than an answer has room for. */
export function typedOutputsIn(
  bytes: Uint8Array,
  { id, offset, limit }: { readonly id: string; readonly offset: number; readonly limit: number },
): TypedOutputs {
  const all = sortedOutputs(bytes, id);
  const rows = all.slice(offset, offset + limit).map(typedOutput);
  const size = rows.reduce((sum, { name, typeJson, valueJson }) => sum + name.length + typeJson.length + valueJson.length, 0);
  if (size <= maxBytes) return { rows, total: all.length };
  throw new WindlassError(
    "answer_too_large",
    `the outputs of state version ${id} have ${size} bytes together, and an answer has room for ${maxBytes}: read fewer at a time`,
  );
}

/** One of them; null if there is none of this key. */
export function typedOutputIn(
  bytes: Uint8Array,
  { id, key }: { readonly id: string; readonly key: string },
): TypedOutput | null {
  const found = sortedOutputs(bytes, id).find(([name]) => outputKey(name) === key);
  return found === undefined ? null : typedOutput(found);
}

/** The outputs in the document of a state, by name. */
export function sortedOutputs(bytes: Uint8Array, id: string): readonly (readonly [string, Json])[] {
  const document = stateDocument(bytes, { id });
  if (isJsonObject(document) && document.has(encryptedKey)) throw encryptedState(`state version ${id}`);
  return [...outputsOf(document)].sort(([a], [b]) => (a < b ? -1 : 1));
}

function typedOutput([name, output]: readonly [string, Json]): TypedOutput {
  const value = (isJsonObject(output) ? output.get("value") : undefined) ?? null;
  const type = isJsonObject(output) ? output.get("type") : undefined;
  return {
    name,
    isSensitive: !isHarmless(output),
    typeJson: writeJson(type ?? typeOf(value)),
    valueJson: writeJson(value),
  };
}

/** Of values in states that do not say. */
function typeOf(value: Json): Json {
  if (value instanceof JsonNumber) return "number";
  if (typeof value === "boolean") return "bool";
  if (isJsonList(value)) return ["tuple", value.map(typeOf)];
  if (isJsonObject(value)) return ["object", new Map([...value].map(([name, part]) => [name, typeOf(part)]))];
  return value === null ? "dynamic" : "string";
}
