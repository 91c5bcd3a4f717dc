import * as z from "zod";
import { isJsonObject, type Json, JsonMistake, JsonNumber, type JsonObject, readJson } from "./json.ts";

/** The JSON of a document as it was written; undefined if it is none. */
export function documentIn({ buffer, byteOffset, byteLength }: Uint8Array): Json | undefined {
  try {
    return readJson(Buffer.from(buffer, byteOffset, byteLength).toString("utf8"));
  } catch (error) {
    if (error instanceof JsonMistake) return undefined;
    throw error;
  }
}

/** An object of which some properties are known; the others are left out. */
export const fieldsOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess((value) => (isJsonObject(value) ? Object.fromEntries(value) : value), z.object(shape));

/** An object whose names are somebody's own. */
export const namedValues = z.custom<JsonObject>(isJsonObject, "Invalid input: expected an object");

/** Any value, as it was written. */
export const anyValue = z.custom<Json>((value) => value !== undefined, "is missing");

/** A number as it was written. */
export const exactNumber = z.instanceof(JsonNumber);

/** A whole number of the format itself, such as a serial. */
export const plainInteger = z
  .custom<JsonNumber>(
    (value) => value instanceof JsonNumber && /^\d+$/.test(value.text) && Number.isSafeInteger(Number(value.text)),
    "Invalid input: expected a whole number in plain digits",
  )
  .transform(({ text }) => Number(text));
