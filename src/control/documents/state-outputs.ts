import { isJsonObject, type Json, type JsonObject } from "../../lib/json/json.ts";
import { writeJson } from "../../lib/json/text.ts";
import { encryptedKey, encryptedState } from "./encrypted-state.ts";
import { type DocumentPart, type Excerpt, excerpt, maxValueBytes, shortText } from "./limits.ts";
import { stateDocument } from "./state-contents.ts";

/** One output of a state; the value is null if it is sensitive, else JSON text. One that is too long is left out. */
export interface StateOutput {
  readonly name: string;
  readonly valueJson: string | null;
  /** Of the JSON text, also if it is left out; 0 if it is sensitive. */
  readonly valueBytes: number;
}

/** The outputs in a state, by name. */
export function outputsIn(bytes: Uint8Array, id: string, part: DocumentPart): Excerpt<StateOutput> {
  const document = stateDocument(bytes, { id });
  if (isJsonObject(document) && document.has(encryptedKey)) throw encryptedState(`state version ${id}`);
  const all = [...outputsOf(document)].sort(([a], [b]) => (a < b ? -1 : 1));
  return excerpt(all, part, ([name, output]) => {
    const valueJson = shownValue(output);
    const valueBytes = Buffer.byteLength(valueJson ?? "");
    return { name: shortText(name), valueJson: valueBytes > maxValueBytes ? "" : valueJson, valueBytes };
  });
}

/** Those of a state's document, as they stand there. */
export function outputsOf(document: Json): JsonObject {
  const outputs = isJsonObject(document) ? document.get("outputs") : undefined;
  return isJsonObject(outputs) ? outputs : new Map();
}

/** Whatever is not plainly marked as harmless counts as sensitive. */
export const isHarmless = (output: Json): output is JsonObject =>
  isJsonObject(output) && (!output.has("sensitive") || output.get("sensitive") === false);

const shownValue = (output: Json): string | null => (isHarmless(output) ? writeJson(output.get("value") ?? null) : null);
