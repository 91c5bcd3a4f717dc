import * as z from "zod";
import { isJsonObject, type JsonObject } from "../../lib/json/json.ts";
import { documentIn, exactNumber, fieldsOf, namedValues, plainInteger } from "../../lib/json/shapes.ts";
import { writeJson } from "../../lib/json/text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { encryptedKey, encryptedState } from "./encrypted-state.ts";

const noOutputs: JsonObject = new Map();

const stateSchema = fieldsOf({
  version: exactNumber.refine(({ text }) => text === "4"),
  terraform_version: z.string().default(""),
  serial: plainInteger,
  lineage: z.string(),
  outputs: namedValues.default(noOutputs),
});

/**
 * The same state with its outputs and nothing else, which terraform can read: they are as they were written. Throws
 * `validation` for what is encrypted, as OpenTofu can, or no state of the format 4.
 */
export function outputsOnly(state: Uint8Array): Uint8Array {
  const content = documentIn(state);
  if (isJsonObject(content) && content.has(encryptedKey)) throw encryptedState("its state");
  const parsed = stateSchema.safeParse(content);
  if (!parsed.success) throw refused("its state is of no format that can be read: expected version 4");
  return Buffer.from(writeJson({ ...parsed.data, resources: [], check_results: null }));
}

const refused = (why: string): WindlassError => new WindlassError("validation", why);
