import * as z from "zod";
import type { Json } from "../../lib/json/json.ts";
import { documentIn, fieldsOf, plainInteger } from "../../lib/json/shapes.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { topLevelKeys } from "./state-syntax.ts";

const none = { mode: "", instances: [] };

const header = { terraform_version: z.string().catch(""), serial: plainInteger, lineage: z.string().min(1) };
const stateSchema = fieldsOf({
  ...header,
  encrypted_data: z.unknown().optional(),
  resources: z
    .array(fieldsOf({ mode: z.string().catch("managed"), instances: z.array(z.unknown()).catch([]) }).catch(none))
    .catch([]),
});

export interface StateContent {
  readonly lineage: string;
  readonly serial: number;
  readonly terraformVersion: string;
  /** Managed resource instances. */
  readonly resourceCount: number;
  /** Why these are not counted; empty if they are. */
  readonly unreadReason: string;
}

/**
 * Reads what is needed of a state: its lineage and serial. The rest may be encrypted, as OpenTofu can, and then counts
 * no resources, as does what is malformed: a state that an apply has written must not be lost for that. What has
 * neither is no state and refused with `validation`.
 */
export const parseState = (bytes: Uint8Array): StateContent => stateIn(stateJson(bytes));

/** The same of a document that was read. */
export function stateIn(document: Json): StateContent {
  const parsed = stateSchema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new WindlassError(
      "validation",
      `this is no state of terraform or tofu: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    );
  }
  const { lineage, serial, terraform_version, resources, encrypted_data } = parsed.data;
  return {
    lineage,
    serial,
    terraformVersion: terraform_version,
    resourceCount: resources
      .filter((resource) => resource.mode === "managed")
      .reduce((count, resource) => count + resource.instances.length, 0),
    unreadReason: encrypted_data === undefined ? "" : "it is encrypted by tofu",
  };
}

/** The JSON of what should be a state; refused with `validation` if it is none. */
export function stateJson(bytes: Uint8Array): Json {
  const document = documentIn(bytes);
  if (document !== undefined) return document;
  throw new WindlassError("validation", "this is no state of terraform or tofu: it is not JSON");
}

/**
 * Reads the header of a state that is too costly to be parsed: its keys are looked for, and nothing else is taken apart. It
 * counts no resources.
 */
export function readStateHeader(bytes: Uint8Array, unreadReason: string): StateContent {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<string, Json>();
  for (const { key, end } of topLevelKeys(buffer)) {
    const scalar = headerKeys.has(key) ? scalarAfter(buffer, end) : undefined;
    if (scalar !== undefined) found.set(key, scalar);
  }
  const parsed = headerSchema.safeParse(found);
  if (!parsed.success)
    throw new WindlassError("validation", "this is no state of terraform or tofu: it has no lineage or no serial");
  const { lineage, serial, terraform_version } = parsed.data;
  return { lineage, serial, terraformVersion: terraform_version, resourceCount: 0, unreadReason };
}

const headerKeys = new Set(Object.keys(header));
const headerSchema = fieldsOf(header);

/** Longer than any lineage, version or serial. */
const maxScalarBytes = 1024;

/** The string or number after a key; undefined for anything else. */
function scalarAfter(bytes: Buffer, end: number): Json | undefined {
  const text = bytes.toString("utf8", end, end + maxScalarBytes);
  const [, scalar = ""] = /^\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)\s*[,}]/.exec(text) ?? [];
  return scalar === "" ? undefined : documentIn(Buffer.from(scalar));
}
