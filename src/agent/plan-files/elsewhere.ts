import { isJsonList, isJsonObject, type Json, readJson } from "../../lib/json/json.ts";
import { writeJson } from "../../lib/json/text.ts";
import { isWithin } from "../sandbox/bubblewrap.ts";

/** A path outside of the configuration that a data source told: what was written there stays there. */
export interface Elsewhere {
  readonly address: string;
  readonly path: string;
}

export interface Outside {
  /** Directories that a step has for itself, or shares with its machine only, as the job calls them. */
  readonly directories: readonly string[];
  /** Directories within them that every step has, as the job calls them: the configuration's, and what the agent brings. */
  readonly brought: readonly string[];
}

/** Most values of one data source that are looked at. */
const maxValues = 10_000;

/** What data sources of a plan (its JSON) say of files in such directories. Sensitive values are passed over. */
export function findElsewhere(document: string, { directories, brought }: Outside): readonly Elsewhere[] {
  // Most plans need not be parsed for this.
  if (!directories.some((directory) => document.includes(`${JSON.stringify(directory).slice(0, -1)}/`))) return [];
  const isOutside = (text: string) =>
    directories.some((directory) => text !== directory && isWithin(text, directory)) &&
    !brought.some((directory) => isWithin(text, directory));
  return dataIn(rootOf(readJson(document))).flatMap((data) => {
    const hidden = at(data, "sensitive_values");
    return [...entriesOf(at(data, "values"))]
      .filter(([name]) => !writeJson(at(hidden, name) ?? null).includes("true"))
      .flatMap(([, value]) => textsIn(value))
      .filter(isOutside)
      .map((path) => ({ address: textOf(at(data, "address")), path }));
  });
}

const rootOf = (plan: Json): Json | undefined => at(at(at(plan, "prior_state"), "values"), "root_module");

const dataIn = (module: Json | undefined): readonly Json[] => [
  ...listOf(at(module, "resources")).filter((resource) => at(resource, "mode") === "data"),
  ...listOf(at(module, "child_modules")).flatMap(dataIn),
];

const at = (value: Json | undefined, name: string): Json | undefined =>
  isJsonObject(value) ? value.get(name) : undefined;
const entriesOf = (value: Json | undefined): Iterable<[string, Json]> => (isJsonObject(value) ? value : []);
const listOf = (value: Json | undefined): readonly Json[] => (isJsonList(value) ? value : []);
const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");

function textsIn(value: Json): readonly string[] {
  const texts: string[] = [];
  const rest: Json[] = [value];
  for (let count = 0; rest.length > 0 && count < maxValues; count++) {
    const next = rest.pop();
    if (typeof next === "string") texts.push(next);
    else if (isJsonList(next)) rest.push(...next.slice(0, maxValues));
    else if (isJsonObject(next)) rest.push(...[...next.values()].slice(0, maxValues));
  }
  return texts;
}
