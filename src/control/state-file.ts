import * as z from "zod";
import { WindlassError } from "../lib/errors.ts";

const none = { mode: "", instances: [] };

const stateSchema = z.looseObject({
  terraform_version: z.string().catch(""),
  serial: z.int().min(0),
  lineage: z.string().min(1),
  resources: z
    .array(z.looseObject({ mode: z.string().catch("managed"), instances: z.array(z.unknown()).catch([]) }).catch(none))
    .catch([]),
});

export interface StateContent {
  readonly lineage: string;
  readonly serial: number;
  readonly terraformVersion: string;
  /** Managed resource instances. */
  readonly resourceCount: number;
}

/**
 * Reads what is needed of a state: its lineage and serial. The rest may be encrypted, as OpenTofu can, and then counts no
 * resources, as does what is malformed: a state that an apply has written must not be lost for that. What has neither is no state and refused with `validation`.
 */
export function parseState(bytes: Uint8Array): StateContent {
  const parsed = stateSchema.safeParse(jsonOf(bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new WindlassError(
      "validation",
      `this is no terraform state: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    );
  }
  const { lineage, serial, terraform_version, resources } = parsed.data;
  return {
    lineage,
    serial,
    terraformVersion: terraform_version,
    resourceCount: resources
      .filter((resource) => resource.mode === "managed")
      .reduce((count, resource) => count + resource.instances.length, 0),
  };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (cause) {
    throw new WindlassError("validation", "this is no terraform state: it is not JSON", { cause });
  }
}
