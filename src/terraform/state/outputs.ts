import {
  isJsonList,
  isJsonObject,
  type Json,
  JsonMistake,
  JsonNumber,
  type JsonObject,
  readJson,
} from "../../lib/json/json.ts";
import { secretTexts } from "../redaction/secret-texts.ts";

/**
 * Texts of the sensitive outputs of a state: strings and numbers anywhere in their values, and in JSON in these
 * strings, each once. Numbers are as they are written and as terraform prints them.
 */
export function sensitiveTexts(state: string): readonly string[] {
  const texts = new Set<string>();
  for (const output of outputsOf(state).values()) {
    if (isJsonObject(output) && output.get("sensitive") === true) collect(output.get("value"), texts);
  }
  return secretTexts([...texts].map((value) => ({ value, isHcl: false })));
}

const noOutputs: JsonObject = new Map();

function outputsOf(state: string): JsonObject {
  try {
    const content = readJson(state);
    const outputs = isJsonObject(content) ? content.get("outputs") : undefined;
    return isJsonObject(outputs) ? outputs : noOutputs;
  } catch (error) {
    if (error instanceof JsonMistake) return noOutputs;
    throw error;
  }
}

function collect(value: Json | undefined, into: Set<string>): void {
  if (typeof value === "string") into.add(value);
  else if (value instanceof JsonNumber) into.add(value.text);
  else if (isJsonList(value)) for (const item of value) collect(item, into);
  else if (isJsonObject(value)) for (const item of value.values()) collect(item, into);
}
