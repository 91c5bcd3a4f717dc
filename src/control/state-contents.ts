import * as z from "zod";
import type { StateContents, StateInstance } from "../domain/state-difference.ts";
import type { StateVersion } from "../domain/state-version.ts";
import { WindlassError } from "../lib/errors.ts";

const instanceSchema = z.looseObject({
  index_key: z.union([z.string(), z.number()]).optional(),
  deposed: z.string().optional(),
  status: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).nullish(),
  sensitive_attributes: z.unknown().optional(),
});

const resourceSchema = z.looseObject({
  module: z.string().default(""),
  mode: z.string().default("managed"),
  type: z.string(),
  name: z.string(),
  provider: z.string().default(""),
  instances: z.array(instanceSchema).default([]),
});

const contentsSchema = z.looseObject({
  encrypted_data: z.unknown().optional(),
  resources: z.array(resourceSchema).default([]),
  outputs: z.record(z.string(), z.unknown()).default({}),
});

type Resource = z.infer<typeof resourceSchema>;
type Instance = z.infer<typeof instanceSchema>;

/** What a state holds, by address. Refuses one that OpenTofu has encrypted: only its owner can read it. */
export function stateContents(bytes: Uint8Array, { id }: Pick<StateVersion, "id">): StateContents {
  const { encrypted_data, resources, outputs } = contentsSchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  if (encrypted_data !== undefined) {
    throw new WindlassError(
      "validation",
      `state version ${id} is encrypted by tofu: what it holds cannot be read here`,
    );
  }
  const instances = resources.flatMap((resource) => resource.instances.map((one) => stateInstance(resource, one)));
  return { instances: instances.sort((a, b) => (a.address < b.address ? -1 : 1)), outputs };
}

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
