import * as z from "zod";
import { isJsonObject, type Json, JsonNumber } from "../../lib/json/json.ts";
import { measureJson } from "../../lib/json/measure.ts";
import { anyValue, fieldsOf, namedValues } from "../../lib/json/shapes.ts";
import { writeJson } from "../../lib/json/text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { instanceShape, resourceShape } from "./state-contents.ts";
import { type StateContent, stateIn, stateJson } from "./state-file.ts";
import { plainSerialAt } from "./state-serial.ts";
import { topLevelKeys } from "./state-syntax.ts";

/** Terraform's own states stay far below. */
const maxDepth = 100;

/**
 * Keys whose meaning must not depend on who reads the state: terraform takes `Serial` for `serial`, and the last one
 * counts.
 */
const guarded = new Set([
  "version",
  "terraform_version",
  "serial",
  "lineage",
  "resources",
  "outputs",
  "encrypted_data",
]);

const outputSchema = fieldsOf({ value: anyValue });

const pushedSchema = fieldsOf({
  resources: z
    .array(
      fieldsOf({
        ...resourceShape,
        mode: z.enum(["managed", "data"]),
        type: z.string().min(1),
        name: z.string().min(1),
        instances: z.array(fieldsOf(instanceShape)),
      }),
    )
    .nullish(),
  outputs: namedValues.nullish(),
});

/**
 * Reads a state that a person pushes, and refuses with `validation` one that different readers could take for different
 * states, or whose resources and outputs could not be listed. What OpenTofu has encrypted has none to look at.
 */
export function parsePushedState(bytes: Uint8Array): StateContent {
  const document = stateJson(bytes);
  const content = stateIn(document);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { depth } = measureJson(buffer);
  if (depth > maxDepth) throw refused(`it is nested ${depth} levels deep, and ${maxDepth} are allowed`);
  checkKeys(buffer);
  checkVersion(document);
  const parsed = pushedSchema.safeParse(document);
  if (!parsed.success) throw notTaken(parsed.error, []);
  for (const [name, output] of parsed.data.outputs ?? []) {
    const checked = outputSchema.safeParse(output);
    if (!checked.success) throw notTaken(checked.error, ["outputs", name]);
  }
  return content;
}

function notTaken({ issues: [issue] }: z.ZodError, place: readonly string[]): WindlassError {
  return refused(`${[...place, ...(issue?.path ?? [])].join(".")}: ${issue?.message ?? ""}`);
}

/**
 * 4 is what terraform and tofu write; 3 is what they bring up to date when they read it. What is encrypted hides its
 * own.
 */
const readable = new Set(["3", "4"]);

function checkVersion(document: Json): void {
  if (!isJsonObject(document) || document.has("encrypted_data")) return;
  const version = document.get("version");
  if (version instanceof JsonNumber && readable.has(version.text)) return;
  const shown = version === undefined ? "missing" : writeJson(version);
  throw refused(`its format version is ${shown}, and terraform and tofu read 4 (and 3)`);
}

function checkKeys(bytes: Buffer): void {
  const seen = new Set<string>();
  for (const { key, written, end } of topLevelKeys(bytes)) {
    const meant = key.toUpperCase().toLowerCase();
    if (!guarded.has(meant)) continue;
    if (written !== meant) throw refused(`write the key ${meant} plainly, not as ${JSON.stringify(written)}`);
    if (seen.has(key)) throw refused(`it has the key ${key} more than once`);
    seen.add(key);
    if (key === "serial" && plainSerialAt(bytes, end) === undefined)
      throw refused("write its serial as plain digits, for example 7");
  }
}

const refused = (why: string): WindlassError => new WindlassError("validation", `the state cannot be taken: ${why}`);
