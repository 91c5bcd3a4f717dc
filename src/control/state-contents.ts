import * as z from "zod";
import type { StateContents, StateInstance } from "../domain/state-difference.ts";
import type { StateVersion } from "../domain/state-version.ts";
import { WindlassError } from "../lib/errors.ts";
import { depthOf } from "./state-syntax.ts";

/** Deeper states would overflow the stack of whoever walks them. */
const maxReadDepth = 500;

/** An instance of a resource, as far as it is shown. */
export const instanceSchema = z.looseObject({
  index_key: z.union([z.string(), z.number()]).optional(),
  deposed: z.string().optional(),
  status: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).nullish(),
  sensitive_attributes: z.unknown().optional(),
});

/** A resource, as far as it is shown. */
export const resourceSchema = z.looseObject({
  module: z.string().default(""),
  mode: z.string().default("managed"),
  type: z.string(),
  name: z.string(),
  provider: z.string().default(""),
  instances: z.array(instanceSchema).default([]),
});

const contentsSchema = z.looseObject({
  encrypted_data: z.unknown().optional(),
  resources: z.array(resourceSchema).nullish(),
  outputs: z.record(z.string(), z.unknown()).nullish(),
});

type Resource = z.infer<typeof resourceSchema>;
type Instance = z.infer<typeof instanceSchema>;

/** What a state holds, by address. Refuses one that OpenTofu has encrypted: only its owner can read it. */
export function stateContents(bytes: Uint8Array, { id }: Pick<StateVersion, "id">): StateContents {
  const parsed = contentsSchema.safeParse(stateDocument(bytes, { id }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(id, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const { encrypted_data, resources, outputs } = parsed.data;
  if (encrypted_data !== undefined) {
    throw new WindlassError(
      "validation",
      `state version ${id} is encrypted by tofu: what it holds cannot be read here`,
    );
  }
  const instances = (resources ?? []).flatMap((resource) =>
    resource.instances.map((one) => stateInstance(resource, one)),
  );
  return { instances: instances.sort((a, b) => (a.address < b.address ? -1 : 1)), outputs: outputs ?? {} };
}

/** The JSON of a stored state. One that an apply has left malformed, or nested too deep to be walked, is refused with `validation`. */
export function stateDocument(bytes: Uint8Array, { id }: Pick<StateVersion, "id">): unknown {
  const document = parsedJson(bytes, id);
  const depth = depthOf(bytes);
  if (depth > maxReadDepth) throw malformed(id, `it is nested ${depth} levels deep`);
  return document;
}

function parsedJson(bytes: Uint8Array, id: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    throw malformed(id, "it is not JSON");
  }
}

const malformed = (id: string, why: string): WindlassError =>
  new WindlassError(
    "validation",
    `state version ${id} is malformed, so what it holds cannot be shown (${why}): pull it to look at it`,
  );

function stateInstance(resource: Resource, instance: Instance): StateInstance {
  const { module, type, name, mode } = resource;
  const isData = mode === "data";
  const attributes = instance.attributes ?? {};
  const { id } = attributes;
  const isShown = (typeof id === "string" || typeof id === "number") && !marksId(instance.sensitive_attributes);
  return {
    address: `${module === "" ? "" : `${module}.`}${isData ? "data." : ""}${type}.${name}${indexText(instance)}`,
    module,
    type,
    name,
    provider: providerSource(resource.provider),
    resourceId: isShown ? String(id) : "",
    isData,
    isTainted: instance.status === "tainted",
    attributes,
  };
}

function indexText({ index_key: key, deposed }: Instance): string {
  const index = key === undefined ? "" : `[${JSON.stringify(key)}]`;
  return deposed === undefined || deposed === "" ? index : `${index} (deposed ${deposed})`;
}

/** `registry.terraform.io/hashicorp/aws` of `module.m.provider["registry.terraform.io/hashicorp/aws"].east`. */
const providerSource = (text: string): string => /provider\["([^"]+)"\]/.exec(text)?.[1] ?? text;

/** Whether a list of paths, as terraform writes it, names the attribute `id` or anything inside of it. */
const marksId = (paths: unknown): boolean =>
  Array.isArray(paths) &&
  paths.some((path) => {
    const first: unknown = Array.isArray(path) ? path[0] : path;
    return typeof first === "object" && first !== null && "value" in first && first.value === "id";
  });
