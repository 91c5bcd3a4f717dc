import * as z from "zod";
import { quoted } from "../hcl/text.ts";
import { type Json, JsonNumber } from "../json/json.ts";
import { anyValue, documentIn, exactNumber, fieldsOf, namedValues } from "../json/shapes.ts";
import { addressKey, type FinishedResource, type HeldObject, type HeldObjects } from "./lost-resources.ts";

const stateShape = fieldsOf({
  encrypted_data: anyValue.optional(),
  resources: z
    .array(
      fieldsOf({
        module: z.string().default(""),
        mode: z.string().default("managed"),
        type: z.string(),
        name: z.string(),
        instances: z
          .array(
            fieldsOf({
              index_key: z.union([z.string(), exactNumber]).optional(),
              attributes: namedValues.nullish(),
            }),
          )
          .default([]),
      }),
    )
    .nullish(),
});

/**
 * What a state has at the addresses of these changes, deposed objects too; undefined for one that cannot be read, such
 * as one that OpenTofu has encrypted.
 */
export function heldObjectsIn(state: Uint8Array, finished: readonly FinishedResource[]): HeldObjects | undefined {
  const document = documentIn(state);
  const parsed = document === undefined ? undefined : stateShape.safeParse(document);
  if (parsed?.success !== true || parsed.data.encrypted_data !== undefined) return undefined;
  const wanted = new Set(finished.map(({ address }) => addressKey(address)));
  const names = new Set(finished.map(({ idKey }) => idKey));
  const found = new Map<string, HeldObject[]>();
  for (const { mode, module, type, name, instances } of parsed.data.resources ?? []) {
    if (mode !== "managed") continue;
    for (const { index_key: index, attributes } of instances) {
      const key = addressKey(`${module === "" ? "" : `${module}.`}${type}.${name}${indexText(index)}`);
      if (!wanted.has(key)) continue;
      const object = new Map<string, string>();
      for (const one of names) {
        const text = idText(attributes?.get(one));
        if (text !== undefined) object.set(one, text);
      }
      found.set(key, [...(found.get(key) ?? []), object]);
    }
  }
  return found;
}

const indexText = (index: string | JsonNumber | undefined): string =>
  index === undefined ? "" : `[${typeof index === "string" ? quoted(index) : index.text}]`;

/** As terraform's events have it: a number with its digits. */
function idText(value: Json | undefined): string | undefined {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === "string" ? value : undefined;
}
