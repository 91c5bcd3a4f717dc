import * as z from "zod";
import { WindlassError } from "../lib/errors.ts";

const stateSchema = z.looseObject({
  version: z.literal(4),
  terraform_version: z.string().default(""),
  serial: z.int().min(0),
  lineage: z.string().min(1),
  outputs: z
    .record(z.string(), z.looseObject({ value: z.unknown(), type: z.unknown(), sensitive: z.boolean().default(false) }))
    .default({}),
  resources: z
    .array(z.looseObject({ mode: z.string().default("managed"), instances: z.array(z.unknown()).default([]) }))
    .default([]),
});

export interface StateContent {
  readonly lineage: string;
  readonly serial: number;
  readonly terraformVersion: string;
  /** Managed resource instances. */
  readonly resourceCount: number;
  readonly outputs: readonly { readonly name: string; readonly value: unknown; readonly isSensitive: boolean }[];
}

/** Reads what is needed of a state as terraform writes it (format 4). Anything else is refused with `validation`. */
export function parseState(bytes: Uint8Array): StateContent {
  const parsed = stateSchema.safeParse(jsonOf(bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new WindlassError(
      "validation",
      `this is no terraform state of format 4: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    );
  }
  const { lineage, serial, terraform_version, resources, outputs } = parsed.data;
  return {
    lineage,
    serial,
    terraformVersion: terraform_version,
    resourceCount: resources
      .filter((resource) => resource.mode === "managed")
      .reduce((count, resource) => count + resource.instances.length, 0),
    outputs: Object.entries(outputs)
      .map(([name, output]) => ({ name, value: output.value, isSensitive: output.sensitive }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (cause) {
    throw new WindlassError("validation", "this is no terraform state: it is not JSON", { cause });
  }
}
