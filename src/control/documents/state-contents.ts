import * as z from "zod";
import type { StateContents, StateInstance } from "../../domain/workspaces/state-difference.ts";
import { isJsonList, isJsonObject, type Json, JsonNumber, type JsonObject } from "../../lib/json/json.ts";
import { anyValue, documentIn, exactNumber, fieldsOf, namedValues } from "../../lib/json/shapes.ts";
import { writeJson } from "../../lib/json/text.ts";
import { compareNaturally } from "../../lib/text/natural-order.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { encryptedState } from "./encrypted-state.ts";

/** The properties of an instance of a resource, as far as it is shown. */
export const instanceShape = {
  index_key: z.union([z.string(), exactNumber]).optional(),
  deposed: z.string().optional(),
  status: z.string().optional(),
  /** OpenTofu's, where the provider has `for_each`. */
  provider: z.string().default(""),
  attributes: namedValues.nullish(),
  sensitive_attributes: anyValue.optional(),
};

/** Those of a resource. */
export const resourceShape = {
  module: z.string().default(""),
  mode: z.string().default("managed"),
  type: z.string(),
  name: z.string(),
  provider: z.string().default(""),
  instances: z.array(fieldsOf(instanceShape)).default([]),
};

const resourceSchema = fieldsOf(resourceShape);
const contentsSchema = fieldsOf({
  encrypted_data: anyValue.optional(),
  resources: z.array(resourceSchema).nullish(),
  outputs: namedValues.nullish(),
});

type Resource = z.infer<typeof resourceSchema>;
type Instance = Resource["instances"][number];

const noValues: JsonObject = new Map();

/** What a state holds, by address. Refuses one that OpenTofu has encrypted: only its owner can read it. */
export function stateContents(bytes: Uint8Array, { id }: { readonly id: string }): StateContents {
  const parsed = contentsSchema.safeParse(stateDocument(bytes, { id }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformedState(id, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const { encrypted_data, resources, outputs } = parsed.data;
  if (encrypted_data !== undefined) {
    throw encryptedState(`state version ${id}`);
  }
  const instances = (resources ?? []).flatMap((resource) =>
    resource.instances.map((one) => stateInstance(resource, one)),
  );
  return { instances: instances.sort((a, b) => compareNaturally(a.address, b.address)), outputs: outputs ?? noValues };
}

/** The JSON of a stored state. One that an apply has left malformed is refused with `validation`. */
export function stateDocument(bytes: Uint8Array, { id }: { readonly id: string }): Json {
  const document = documentIn(bytes);
  if (document !== undefined) return document;
  throw malformedState(id, "it is not JSON");
}

/** What somebody is told who looks into a state that cannot be looked into. */
export const malformedState = (id: string, why: string): WindlassError =>
  new WindlassError(
    "validation",
    `what state version ${id} holds cannot be shown (not read: ${why}): pull it to look at it`,
  );

function stateInstance(resource: Resource, instance: Instance): StateInstance {
  const { module, type, name, mode } = resource;
  const isData = mode === "data";
  const attributes = instance.attributes ?? noValues;
  const id = attributes.get("id");
  const isShown = !marksId(instance.sensitive_attributes);
  return {
    address: `${module === "" ? "" : `${module}.`}${isData ? "data." : ""}${type}.${name}${indexText(instance)}`,
    module,
    type,
    name,
    provider: providerSource(instance.provider === "" ? resource.provider : instance.provider),
    resourceId: isShown ? idText(id) : "",
    isData,
    isTainted: instance.status === "tainted",
    attributes,
  };
}

function idText(id: Json | undefined): string {
  if (id instanceof JsonNumber) return id.text;
  return typeof id === "string" ? id : "";
}

function indexText({ index_key: key, deposed }: Instance): string {
  const index = key === undefined ? "" : `[${writeJson(key)}]`;
  return deposed === undefined || deposed === "" ? index : `${index} (deposed ${deposed})`;
}

/** `registry.terraform.io/hashicorp/aws` of `module.m.provider["registry.terraform.io/hashicorp/aws"].east`. */
const providerSource = (text: string): string => /provider\["([^"]+)"\]/.exec(text)?.[1] ?? text;

/** Whether a list of paths, as terraform writes it, names the attribute `id` or anything inside of it. */
const marksId = (paths: Json | undefined): boolean =>
  isJsonList(paths) &&
  paths.some((path) => {
    const first = isJsonList(path) ? path[0] : path;
    return isJsonObject(first) && first.get("value") === "id";
  });
