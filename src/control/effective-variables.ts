import { type EffectiveVariable, effectiveVariables, type FilledSet } from "../domain/effective-variables.ts";
import type { Principal } from "../domain/principal.ts";
import type { VariableSet } from "../domain/variable-set.ts";
import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findWorkspace, type Reference } from "./access.ts";
import type { Control } from "./control.ts";
import { setVariableSubject, workspaceVariableSubject } from "./variable-holder.ts";
import { bytesOf } from "./variables.ts";

/** What a run of a workspace would get, and where each value comes from; sensitive values are sealed. */
export async function listEffectiveVariables(
  control: Control,
  who: Principal,
  reference: Reference,
): Promise<readonly EffectiveVariable[]> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => readEffective(q, await findWorkspace(q, person, reference)));
}

/** Reads the variables that runs of a workspace get: its own, and those of its sets. */
export async function readEffective(
  q: Queries,
  workspace: Pick<Workspace, "id" | "organizationId">,
): Promise<readonly EffectiveVariable[]> {
  const own = await q.variables.all(workspace.id);
  const { attached, global } = await q.variableSets.ofWorkspace(workspace);
  if (attached.length + global.length === 0) return effectiveVariables({ own, attached: [], global: [] });
  const ids = [...new Set([...attached, ...global].map(({ id }) => id))];
  const rows = Map.groupBy(await q.setVariables.ofSets(ids), ({ setId }) => setId);
  const filled = (set: VariableSet): FilledSet => ({ set, variables: rows.get(set.id) ?? [] });
  return effectiveVariables({ own, attached: attached.map(filled), global: global.map(filled) });
}

/** A job gets its variables in one message, which may have 4 MiB. */
const maxJobVariableBytes = 3 * 1024 * 1024;

/** Refuses more than a job can be given. */
export function demandDeliverable(effective: readonly EffectiveVariable[]): void {
  const bytes = bytesOf(effective.map(({ variable }) => variable));
  if (bytes <= maxJobVariableBytes) return;
  const message = `the workspace and its variable sets have ${bytes} bytes of variables together: at most ${maxJobVariableBytes} reach a run. Detach a set, or put large values into files of the configuration`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxJobVariableBytes) } });
}

/** The value of a variable in clear. */
export function openValue({ vault }: Pick<Control, "vault">, { variable, set }: EffectiveVariable): string {
  if (variable.sealedValue === null) return variable.value;
  const subject = set === null ? workspaceVariableSubject(variable) : setVariableSubject(variable);
  return Buffer.from(vault.open(variable.sealedValue, subject)).toString("utf8");
}
