import * as z from "zod";
import { WindlassError } from "../lib/errors.ts";
import { instanceSchema, resourceSchema } from "./state-contents.ts";
import { parseState, type StateContent } from "./state-file.ts";
import { plainSerialAt } from "./state-serial.ts";
import { depthOf, topLevelKeys } from "./state-syntax.ts";

/** Terraform's own states stay far below. */
const maxDepth = 100;

/** Keys whose meaning must not depend on who reads the state: terraform takes `Serial` for `serial`, and the last one counts. */
const guarded = new Set([
  "version",
  "terraform_version",
  "serial",
  "lineage",
  "resources",
  "outputs",
  "encrypted_data",
]);

const pushedSchema = z.looseObject({
  resources: z
    .array(
      resourceSchema.extend({
        mode: z.enum(["managed", "data"]),
        type: z.string().min(1),
        name: z.string().min(1),
        instances: z.array(instanceSchema),
      }),
    )
    .nullish(),
  outputs: z
    .record(z.string(), z.looseObject({ value: z.unknown().refine((value) => value !== undefined, "is missing") }))
    .nullish(),
});

/**
 * Reads a state that a person pushes, and refuses with `validation` one that different readers could take for different states,
 * or whose resources and outputs could not be listed. What OpenTofu has encrypted has none to look at.
 */
export function parsePushedState(bytes: Uint8Array): StateContent {
  const content = parseState(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const depth = depthOf(buffer);
  if (depth > maxDepth) throw refused(`it is nested ${depth} levels deep, and ${maxDepth} are allowed`);
  checkKeys(buffer);
  const parsed = pushedSchema.safeParse(JSON.parse(buffer.toString("utf8")));
  if (parsed.success) return content;
  const [issue] = parsed.error.issues;
  throw refused(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
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
