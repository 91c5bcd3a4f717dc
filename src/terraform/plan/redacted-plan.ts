import { isJsonList, isJsonObject, type Json, JsonNumber, type JsonObject, readJson } from "../../lib/json/json.ts";
import { writeJson } from "../../lib/json/text.ts";
import { createMask, type MaskedJson, type PlanMask } from "./mask.ts";
import { pickSchemas, type WantedTypes } from "./provider-schemas.ts";
import { changesOf, shownPlan } from "./shown-plan.ts";

/**
 * The document that terraform's own client reads of a remote plan: parts of what `show -json` prints of it, without any
 * sensitive value and without texts that hold one of `secrets`, and of what `providers schema -json` printed that which
 * these resources need.
 */
export function redactPlan(showJson: string, schemas: Uint8Array, secrets: readonly string[] = []): string {
  const document = readJson(showJson);
  const plan = shownPlan(document);
  const mask = createMask(changesOf(plan), secrets);
  const root = asObject(document);
  const lists = ["resource_changes", "resource_drift"] as const;
  const resources = Object.fromEntries(
    lists.map((name) => [name, listOf(root.get(name)).map((one) => resource(asObject(one), mask))]),
  );
  const { formatVersion, providers } = pickSchemas(schemas, wantedTypes(root));
  const parts = {
    plan_format_version: root.get("format_version") ?? "",
    ...resources,
    output_changes: outputs(asObject(root.get("output_changes")), mask),
    relevant_attributes: mask.shape(root.get("relevant_attributes") ?? []),
    deferred_changes: listOf(root.get("deferred_changes")).map((one) => deferred(asObject(one), mask)),
  };
  const own = writeJson(parts).slice(0, -1);
  return `${own},"provider_format_version":${formatVersion},"provider_schemas":${providers}}`;
}

const none: JsonObject = new Map();
const asObject = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : none);
const listOf = (value: Json | undefined): readonly Json[] => (isJsonList(value) ? value : []);

const typeLists: Readonly<Record<string, keyof WantedTypes>> = {
  managed: "resource_schemas",
  data: "data_source_schemas",
  ephemeral: "ephemeral_resource_schemas",
};

/** Which schemas the resources of a plan have. */
function wantedTypes(root: JsonObject): ReadonlyMap<string, WantedTypes> {
  const found = new Map<string, Record<keyof WantedTypes, Set<string>>>();
  const deferredChanges = listOf(root.get("deferred_changes")).map(
    (one) => asObject(one).get("resource_change") ?? null,
  );
  const all = [...listOf(root.get("resource_changes")), ...listOf(root.get("resource_drift")), ...deferredChanges];
  for (const one of all.map(asObject)) {
    const [provider, list] = [one.get("provider_name"), typeLists[String(one.get("mode"))]];
    if (typeof provider !== "string" || list === undefined) continue;
    const types = found.get(provider) ?? noTypes();
    types[list].add(String(one.get("type")));
    found.set(provider, types);
  }
  return found;
}

const noTypes = () => ({
  resource_schemas: new Set<string>(),
  data_source_schemas: new Set<string>(),
  ephemeral_resource_schemas: new Set<string>(),
});

const addresses = ["address", "previous_address", "module_address", "type", "name", "provider_name"] as const;
const words = ["mode", "deposed", "action_reason"] as const;

function resource(one: JsonObject, mask: PlanMask): Readonly<Record<string, unknown>> {
  const index = one.get("index");
  return {
    ...picked(one, addresses, (value) => (typeof value === "string" ? mask.address(value) : value)),
    ...picked(one, words, (value) => value),
    index: index === undefined ? undefined : mask.shape(index),
    change: change(asObject(one.get("change")), mask),
  };
}

const deferred = (one: JsonObject, mask: PlanMask) => ({
  reason: one.get("reason"),
  resource_change: resource(asObject(one.get("resource_change")), mask),
});

/** Names that are alike once their secrets are hidden: the last one counts, nothing of it can be told from the others. */
const outputs = (all: JsonObject, mask: PlanMask) =>
  new Map([...all].map(([name, one]) => [mask.address(name), change(asObject(one), mask)] as const));

function change(one: JsonObject, mask: PlanMask): Readonly<Record<string, unknown>> {
  const [before, after] = [one.get("before") ?? null, one.get("after") ?? null];
  const [hiddenBefore, hiddenAfter] = [one.get("before_sensitive"), one.get("after_sensitive")];
  const shownBefore = mask.value(before, hiddenBefore, after);
  const shownAfter = mask.value(after, hiddenAfter, before);
  const importing = asObject(one.get("importing")).get("id");
  const configuration = one.get("generated_config");
  return {
    actions: one.get("actions"),
    before: opened(shownBefore, "before"),
    after: opened(shownAfter, "after"),
    after_unknown: mask.shape(one.get("after_unknown") ?? false),
    before_sensitive: marks(shownBefore, mask.shape(hiddenBefore ?? false)),
    after_sensitive: marks(shownAfter, mask.shape(hiddenAfter ?? false)),
    replace_paths: one.has("replace_paths") ? mask.shape(one.get("replace_paths") ?? null) : undefined,
    importing: typeof importing === "string" ? { id: mask.text(importing) } : undefined,
    generated_config: typeof configuration === "string" ? mask.text(configuration) : undefined,
  };
}

const picked = (from: JsonObject, names: readonly string[], make: (value: Json) => Json) =>
  Object.fromEntries(names.flatMap((name) => (from.has(name) ? [[name, make(from.get(name) ?? null)]] : [])));

type Side = "before" | "after";

/**
 * A value with something else in the place of what is hidden. Clients compare both sides to say whether it changes, so
 * that they differ if the values do.
 */
function opened(value: MaskedJson, side: Side): Json {
  if (typeof value !== "object" || value === null || value instanceof JsonNumber) return value;
  if ("masked" in value) return value.changed === true ? `sensitive value (${side})` : "sensitive value";
  if ("size" in value) return new Map([...value].map(([name, part]) => [name, opened(part, side)] as const));
  return value.map((part: MaskedJson) => opened(part, side));
}

/**
 * What of a value is sensitive: what terraform says, and all that is hidden. A client shows nothing of it, and would take
 * the text in its place for a value of the attribute's type.
 */
function marks(value: MaskedJson, known: Json): Json {
  if (known === true || typeof value !== "object" || value === null || value instanceof JsonNumber) return known;
  if ("masked" in value) return true;
  if ("size" in value) {
    const parts = [...value].map(([name, part]) => [name, marks(part, asObject(known).get(name) ?? false)] as const);
    // What is not known before the apply has a mark and no value.
    return new Map([...asObject(known), ...parts].filter(([, mark]) => mark !== false));
  }
  return value.map((part: MaskedJson, index: number) => marks(part, listOf(known)[index] ?? false));
}
