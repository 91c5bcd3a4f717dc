import type { Principal } from "../../domain/people/principal.ts";
import {
  type EffectiveVariable,
  effectiveVariables,
  type FilledSet,
  type VariableSources,
} from "../../domain/workspaces/effective-variables.ts";
import type { StoredVariable } from "../../domain/workspaces/variable.ts";
import type { VariableSet } from "../../domain/workspaces/variable-set.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Pair } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { pairCursor } from "../core/cursor.ts";
import { type Page, type PageRequest, pageByKey } from "../core/pages.ts";
import { setVariableSubject, workspaceVariableSubject } from "./variable-holder.ts";

/** Which variables of a run are wanted. */
export interface EffectiveList {
  readonly workspace: Reference;
  readonly page: PageRequest;
}

/** What a run of a workspace would get, and where each value comes from; sensitive values are sealed. */
export async function listEffectiveVariables(
  control: Control,
  who: Principal,
  { workspace, page }: EffectiveList,
): Promise<Page<EffectiveVariable>> {
  const person = asPerson(who);
  demand(person, "read");
  const all = await control.store.read(async (q) => readEffective(q, await findWorkspace(q, person, workspace)));
  return pageByKey(page, {
    cursor: pairCursor,
    read: async ({ after, limit }) => all.filter((one) => after === null || isAfter(one, after)).slice(0, limit),
    keyOf: ({ variable: { category, key } }): Pair => [category, key],
  });
}

/** The same as a whole. Refuses more than there is room for in one answer. */
export async function allEffectiveVariables(
  control: Control,
  who: Principal,
  workspace: Reference,
): Promise<readonly EffectiveVariable[]> {
  const person = asPerson(who);
  demand(person, "read");
  const all = await control.store.read(async (q) => readEffective(q, await findWorkspace(q, person, workspace)));
  const bytes = bytesOf(all.map(({ variable }) => variable));
  if (bytes <= maxAnswerBytes) return all;
  throw new WindlassError(
    "answer_too_large",
    `the workspace and its variable sets have ${bytes} bytes of variables together: at most ${maxAnswerBytes} can be told at once`,
  );
}

const maxAnswerBytes = 8 * 1024 * 1024;

/** In the order of the list. */
const isAfter = ({ variable }: EffectiveVariable, [category, key]: Pair): boolean =>
  variable.category === category ? variable.key > key : category === "terraform";

/** Reads the variables that runs of a workspace get: its own, and those of its sets. */
export async function readEffective(
  q: Queries,
  workspace: Pick<Workspace, "id" | "organizationId">,
): Promise<readonly EffectiveVariable[]> {
  return effectiveVariables(await readSources(q, workspace));
}

/** Everything that runs of a workspace could get. */
export async function readSources(
  q: Queries,
  workspace: Pick<Workspace, "id" | "organizationId">,
): Promise<VariableSources> {
  const [own, { attached, global }] = await allSettled([
    q.variables.all(workspace.id),
    q.variableSets.ofWorkspace(workspace),
  ]);
  if (attached.length + global.length === 0) return { own, attached: [], global: [] };
  const ids = [...new Set([...attached, ...global].map(({ id }) => id))];
  const rows = Map.groupBy(await q.setVariables.ofSets(ids), ({ setId }) => setId);
  const filled = (set: VariableSet): FilledSet => ({ set, variables: rows.get(set.id) ?? [] });
  return { own, attached: attached.map(filled), global: global.map(filled) };
}

/** How much values take together. */
export const bytesOf = (rows: readonly StoredVariable[]): number =>
  rows.reduce((sum, row) => sum + Buffer.byteLength(row.value) + (row.sealedValue?.length ?? 0), 0);

/** A job gets its variables in one message, which may have 4 MiB. */
const maxJobVariableBytes = 3 * 1024 * 1024;

/** What a variable takes in a message beside its name, its value and its description. */
const variableOverhead = 64;

/** Refuses more than a job can be given, what its run brings included. */
export function demandDeliverable(effective: readonly EffectiveVariable[], bytesOfRun = 0): void {
  const rows = effective.map(({ variable }) => variable);
  const names = rows.reduce(
    (sum, { key, description }) => sum + Buffer.byteLength(key + description) + variableOverhead,
    0,
  );
  const bytes = bytesOf(rows) + names + bytesOfRun;
  if (bytes <= maxJobVariableBytes) return;
  const message = `the workspace and its variable sets have ${bytes} bytes of variables together: at most ${maxJobVariableBytes} reach a run. Detach a set, or put large values into files of the configuration`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxJobVariableBytes) } });
}

/** The value of a variable in clear. */
export function openValue(
  { vault }: Pick<Control, "vault">,
  { variable, set }: { readonly variable: StoredVariable; readonly set: Pick<VariableSet, "id"> | null },
): string {
  if (variable.sealedValue === null) return variable.value;
  const subject = set === null ? workspaceVariableSubject(variable) : setVariableSubject(variable);
  return Buffer.from(vault.open(variable.sealedValue, subject)).toString("utf8");
}
