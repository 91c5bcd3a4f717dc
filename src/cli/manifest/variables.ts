import { type Variable, VariableCategory } from "../../gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import type { Notes } from "../terminal/notes.ts";
import { warnOfOpenKeys, warnOfShortSecrets } from "../workspace/variable-view.ts";
import type { FieldChange, ManifestChange } from "./change.ts";
import { type Document, resourceOf, type VariableEntry } from "./documents.ts";
import { ifFound, type ManifestScope } from "./scope.ts";
import { readSecret } from "./secrets.ts";

/** Who has the variables: a workspace or a variable set, by name. */
export type Owner = { readonly workspace: string } | { readonly variableSet: string };

const pageSize = 1000;

/** Warns of keys that stand in a document, or that everybody could read once it is applied. */
export function warnOfOpenEntries(notes: Notes, document: Document): void {
  if (document.kind !== "VariableSet" && document.kind !== "Workspace") return;
  const entries = (document.spec.variables ?? []).map(({ name: key, sensitive = false }) => ({ key, sensitive }));
  const cure = `write sensitive: true and valueFrom in ${resourceOf(document)}`;
  warnOfOpenKeys(notes, entries, cure);
}

/** Every variable of the owner; none if the owner does not exist. */
export async function readVariables(
  { context, organization }: ManifestScope,
  owner: Owner,
): Promise<readonly Variable[]> {
  const client = await context.client(VariableService);
  return (await ifFound(client.listVariables({ organization, ...owner, pageSize })))?.variables ?? [];
}

/** What a manifest would do to the variables of its owner. */
export async function planVariables(
  scope: ManifestScope,
  owner: Owner,
  entries: readonly VariableEntry[] | undefined,
): Promise<Pick<ManifestChange, "fields" | "notes" | "steps">> {
  if (entries === undefined) return { fields: [], notes: [], steps: [] };
  const current = new Map((await readVariables(scope, owner)).map((one) => [keyOf(one), one]));
  const fields: FieldChange[] = [];
  const notes: string[] = [];
  const written: Wanted[] = [];
  for (const entry of entries) {
    const wanted = await wantedOf(scope, entry);
    const known = current.get(keyOf(wanted));
    if (wanted.sensitive) {
      written.push(wanted);
      if (known === undefined) fields.push({ path: pathOf(wanted), from: undefined, to: "(sensitive)" });
      else notes.push(`${pathOf(wanted)}: (sensitive: written each time)`);
    } else if (known === undefined || differs(known, wanted)) {
      written.push(wanted);
      fields.push({ path: pathOf(wanted), from: known && shown(known), to: shown(wanted) });
    }
  }
  if (scope.readsSecrets) warnOfShortSecrets(scope.context.notes, written);
  const extra = scope.prunes ? [...current.values()].filter((one) => !entries.some((each) => isFor(each, one))) : [];
  fields.push(...extra.map((one) => ({ path: pathOf(one), from: shown(one), to: undefined })));
  const steps = written.length === 0 ? [] : [() => set(scope, owner, written)];
  return { fields, notes, steps: [...steps, ...extra.map((one) => () => remove(scope, owner, one))] };
}

type Wanted = Pick<Variable, "key" | "value" | "category" | "hcl" | "sensitive" | "description">;

const categoryOf = ({ env }: VariableEntry): VariableCategory =>
  env === true ? VariableCategory.ENV : VariableCategory.TERRAFORM;
const keyOf = ({ key, category }: Pick<Variable, "key" | "category">): string => `${category}/${key}`;
const isFor = (entry: VariableEntry, { key, category }: Variable): boolean =>
  entry.name === key && categoryOf(entry) === category;
const pathOf = ({ key, category }: Pick<Variable, "key" | "category">): string =>
  `variables.${category === VariableCategory.ENV ? "env." : ""}${key}`;
const shown = ({ sensitive, value }: Pick<Variable, "sensitive" | "value">): string =>
  sensitive ? "(sensitive)" : value;

const differs = (known: Variable, wanted: Wanted): boolean =>
  known.value !== wanted.value ||
  known.hcl !== wanted.hcl ||
  known.sensitive !== wanted.sensitive ||
  known.description !== wanted.description;

async function wantedOf(scope: ManifestScope, entry: VariableEntry): Promise<Wanted> {
  const { name: key, hcl = false, sensitive = false, description = "" } = entry;
  const value = sensitive && !scope.readsSecrets ? "" : await readValue(scope, entry);
  return { key, value, category: categoryOf(entry), hcl, sensitive, description };
}

const readValue = async (scope: ManifestScope, { name, value, valueFrom }: VariableEntry): Promise<string> =>
  valueFrom === undefined ? (value ?? "") : readSecret(scope, `variable ${name}`, valueFrom);

async function set(
  { context, organization }: ManifestScope,
  owner: Owner,
  variables: readonly Wanted[],
): Promise<void> {
  const client = await context.client(VariableService);
  await client.setVariables({ organization, ...owner, variables: variables.map((one) => ({ ...one })) });
}

async function remove(
  { context, organization }: ManifestScope,
  owner: Owner,
  { key, category }: Variable,
): Promise<void> {
  const client = await context.client(VariableService);
  await client.deleteVariable({ organization, ...owner, key, category });
}

/** A variable as a manifest writes it. Secrets are only named, each by its owner and key. */
export const entryOf = (
  owner: string,
  { key, value, category, hcl, sensitive, description }: Variable,
): VariableEntry => ({
  name: key,
  ...(sensitive ? { sensitive, valueFrom: { env: environmentName(`${owner}_${key}`) } } : { value }),
  env: category === VariableCategory.ENV || undefined,
  hcl: hcl || undefined,
  description: description || undefined,
});

/** `NETWORK_API_TOKEN` for `network_api-token`: where an exported manifest looks for a secret. */
export const environmentName = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9]/g, "_");
