import type { VariableSources } from "../../domain/workspaces/effective-variables.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { FormerSecret, StoredVariable } from "../../domain/workspaces/variable.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { newId, type VariableSetId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control, Hide, Secret } from "../core/control.ts";
import { openValue, readSources } from "./effective-variables.ts";
import type { SecretHolder } from "./variable-holder.ts";

/** Most former values that are kept for a workspace or a set; the oldest go first. */
const maxFormer = 100;
const maxFormerBytes = 256 * 1024;

/** What the sealed value of a former secret is bound to. */
export const formerSecretSubject = ({ id }: { readonly id: string }): string => `former-secret/${id}`;

interface Replaced {
  readonly holder: SecretHolder;
  readonly secrets: readonly Secret[];
  readonly at: Date;
}

/** Remembers what sensitive variables were before they were changed, deleted or taken away: it still stands in states. */
export async function keepFormer(control: Keeping, tx: Queries, { holder, secrets, at }: Replaced): Promise<void> {
  if (secrets.length === 0) return;
  const owner =
    holder.kind === "workspace" ? { workspaceId: holder.id, setId: null } : { workspaceId: null, setId: holder.id };
  const known = await tx.formerSecrets.of(holdersOf(holder));
  const texts = new Set(known.map((row) => openFormer(control, row).value));
  const added: FormerSecret[] = [];
  for (const { value, isHcl } of secrets) {
    if (texts.has(value) || value === "") continue;
    texts.add(value);
    const id = newId("var", control.random);
    const sealedValue = control.vault.seal(Buffer.from(value), formerSecretSubject({ id }));
    added.push({ id, ...owner, sealedValue, isHcl, replacedAt: at });
  }
  const { kept, dropped } = withinBounds([...added, ...known]);
  for (const row of added) if (kept.has(row.id)) await tx.formerSecrets.insert(row);
  await tx.formerSecrets.delete(known.filter(({ id }) => dropped.has(id)).map(({ id }) => id));
}

type Keeping = Pick<Control, "vault" | "random">;

const holdersOf = (holder: SecretHolder) =>
  holder.kind === "workspace" ? { workspaceIds: [holder.id], setIds: [] } : { workspaceIds: [], setIds: [holder.id] };

function withinBounds(rows: readonly FormerSecret[]) {
  const [kept, dropped] = [new Set<string>(), new Set<string>()];
  let bytes = 0;
  for (const { id, sealedValue } of rows) {
    const fits = kept.size < maxFormer && bytes + sealedValue.length <= maxFormerBytes;
    if (fits) bytes += sealedValue.length;
    (fits ? kept : dropped).add(id);
  }
  return { kept, dropped };
}

function openFormer({ vault }: Pick<Control, "vault">, row: FormerSecret): Secret {
  return {
    value: Buffer.from(vault.open(row.sealedValue, formerSecretSubject(row))).toString("utf8"),
    isHcl: row.isHcl,
  };
}

/** What the variables of a holder were before, in clear, the newest first. */
export async function formerOf(
  control: Pick<Control, "vault">,
  q: Queries,
  holder: SecretHolder,
): Promise<readonly Secret[]> {
  return (await q.formerSecrets.of(holdersOf(holder))).map((row) => openFormer(control, row));
}

/** The sensitive values among these variables, in clear. */
export const secretsIn = (
  control: Pick<Control, "vault">,
  variables: readonly StoredVariable[],
  set: { readonly id: VariableSetId } | null,
): readonly Secret[] =>
  variables
    .filter(({ isSensitive }) => isSensitive)
    .map((variable) => ({ value: openValue(control, { variable, set }), isHcl: variable.isHcl }));

/**
 * Every sensitive value that a workspace has or had, whether its runs get it or not: its own ones, those of all of its
 * sets, and what these were before. Those in use come first.
 */
export async function readSecrets(
  control: Pick<Control, "vault">,
  q: Queries,
  workspace: Pick<Workspace, "id" | "organizationId">,
): Promise<readonly Secret[]> {
  const sources = await readSources(q, workspace);
  return secretsOf(control, q, { workspaceId: workspace.id, sources });
}

/** Variables that were read, and whose they are. */
interface Holding {
  readonly workspaceId: Workspace["id"];
  readonly sources: VariableSources;
}

/** The same of a workspace whose variables were read before. */
export async function secretsOf(
  control: Pick<Control, "vault">,
  q: Queries,
  { workspaceId, sources: { own, attached, global } }: Holding,
): Promise<readonly Secret[]> {
  const sets = new Map([...attached, ...global].map((filled) => [filled.set.id, filled]));
  const former = await q.formerSecrets.of({ workspaceIds: [workspaceId], setIds: [...sets.keys()] });
  const all = [
    ...secretsIn(control, own, null),
    ...[...sets.values()].flatMap(({ set, variables }) => secretsIn(control, variables, set)),
    ...former.map((row) => openFormer(control, row)),
  ];
  return [...new Map(all.map((secret) => [secret.value, secret])).values()];
}

/** Takes the secrets that a workspace has or had out of what people see of its states. */
export async function hiderOf(
  control: Control,
  { workspaceId, organizationId }: Pick<StateVersion, "workspaceId" | "organizationId">,
): Promise<Hide> {
  const secrets = await control.store.read((q) => readSecrets(control, q, { id: workspaceId, organizationId }));
  return control.hiding(secrets, organizationId);
}

const between = "\u0000";

/** The same for many short texts at once. */
export async function hideAll(hide: Hide, texts: readonly string[]): Promise<readonly string[]> {
  const hidden = (await hide(texts.join(between))).split(between);
  return hidden.length === texts.length ? hidden : Promise.all(texts.map(hide));
}
