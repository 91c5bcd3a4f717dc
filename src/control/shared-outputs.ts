import * as z from "zod";
import { WindlassError } from "../lib/errors.ts";

const stateSchema = z.looseObject({
  version: z.literal(4),
  terraform_version: z.string().default(""),
  serial: z.int().min(0),
  lineage: z.string(),
  outputs: z.record(z.string(), z.unknown()).default({}),
});

/**
 * The same state with its outputs and nothing else, which terraform can read. Throws `validation` for what is encrypted, as
 * OpenTofu can, or no state of the format 4.
 */
export function outputsOnly(state: Uint8Array): Uint8Array {
  const content = jsonIn(state);
  if (isRecord(content) && "encrypted_data" in content) {
    throw refused("its state is encrypted by OpenTofu, and only its own runs have the key");
  }
  const parsed = stateSchema.safeParse(content);
  if (!parsed.success) throw refused("its state is of no format that can be read: expected version 4");
  const { version, terraform_version, serial, lineage, outputs } = parsed.data;
  const kept = { version, terraform_version, serial, lineage, outputs, resources: [], check_results: null };
  return Buffer.from(JSON.stringify(kept));
}

const refused = (why: string): WindlassError => new WindlassError("validation", why);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
}
