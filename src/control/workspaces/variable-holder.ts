import type { Person } from "../../domain/people/principal.ts";
import type { StoredVariable, VariableCategory } from "../../domain/workspaces/variable.ts";
import type { OrganizationId, VariableId, VariableSetId, WorkspaceId } from "../../lib/words/ids.ts";
import type { KeyPage, Pair, Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { aboutWorkspace, findVariableSet, findWorkspace } from "../core/access.ts";
import { invalid } from "../core/refusals.ts";

/** A workspace, or a variable set. */
export type SecretHolder =
  | { readonly kind: "workspace"; readonly id: WorkspaceId }
  | { readonly kind: "set"; readonly id: VariableSetId };

/** How a request names whose variables it is about: exactly one of the two is not empty. */
export interface HolderReference {
  readonly organization: string;
  readonly workspace: string;
  readonly variableSet: string;
}

/** A workspace or a variable set, and its variables. */
export interface VariableHolder {
  /** Workspace or set. */
  readonly id: string;
  readonly organizationId: OrganizationId;
  /** For people: `workspace "network"`. */
  readonly title: string;
  /** For audit records: `{ workspace: "network" }`. */
  readonly label: Readonly<Record<string, string>>;
  readonly list: (page: KeyPage<Pair>) => Promise<readonly StoredVariable[]>;
  readonly all: () => Promise<readonly StoredVariable[]>;
  /** A counted part, by key. */
  readonly slice: (slice: Slice) => Promise<Sliced<StoredVariable>>;
  /** The one of that id, if it is one of its own. */
  readonly get: (id: VariableId) => Promise<StoredVariable | undefined>;
  readonly insert: (row: StoredVariable) => Promise<void>;
  readonly save: (row: StoredVariable) => Promise<void>;
  readonly delete: (category: VariableCategory, key: string) => Promise<boolean>;
  /** What the sealed value of one of its variables is bound to. */
  readonly subjectOf: (variable: Pick<StoredVariable, "id">) => string;
  /** Whose former secrets its own become. */
  readonly secretHolder: SecretHolder;
}

/** What a change of somebody's variables is about; nothing is said of sets, which many workspaces have. */
export const aboutHolder = (person: Person, { organization, workspace }: HolderReference): string | undefined =>
  workspace === "" ? undefined : aboutWorkspace(person, { organization, name: workspace });

/** Whose variables a request is about. */
export async function findHolder(
  tx: Queries,
  person: Person,
  { organization, workspace, variableSet }: HolderReference,
): Promise<VariableHolder> {
  if ((workspace === "") === (variableSet === ""))
    throw invalid("workspace", "name either a workspace or a variable set: exactly one of workspace and variable_set");
  return workspace === ""
    ? setHolder(tx, await findVariableSet(tx, person, { organization, name: variableSet }))
    : workspaceHolder(tx, await findWorkspace(tx, person, { organization, name: workspace }));
}

type Named<Id> = { readonly id: Id; readonly organizationId: OrganizationId; readonly name: string };

const workspaceHolder = (tx: Queries, { id, organizationId, name }: Named<WorkspaceId>): VariableHolder => ({
  id,
  organizationId,
  title: `workspace "${name}"`,
  label: { workspace: name },
  list: (page) => tx.variables.list(id, page),
  all: () => tx.variables.all(id),
  slice: (slice) => tx.variables.slice(id, slice),
  get: async (variableId) => {
    const row = await tx.variables.get(variableId);
    return row?.workspaceId === id ? row : undefined;
  },
  insert: (row) => tx.variables.insert({ ...row, workspaceId: id }),
  save: (row) => tx.variables.save({ ...row, workspaceId: id }),
  delete: (category, key) => tx.variables.delete(id, category, key),
  subjectOf: workspaceVariableSubject,
  secretHolder: { kind: "workspace", id },
});

export const setHolder = (tx: Queries, { id, organizationId, name }: Named<VariableSetId>): VariableHolder => ({
  id,
  organizationId,
  title: `variable set "${name}"`,
  label: { variable_set: name },
  list: (page) => tx.setVariables.list(id, page),
  all: () => tx.setVariables.ofSets([id]),
  slice: (slice) => tx.setVariables.slice(id, slice),
  get: async (variableId) => {
    const row = await tx.setVariables.get(variableId);
    return row?.setId === id ? row : undefined;
  },
  insert: (row) => tx.setVariables.insert({ ...row, setId: id }),
  save: (row) => tx.setVariables.save({ ...row, setId: id }),
  delete: (category, key) => tx.setVariables.delete(id, category, key),
  subjectOf: setVariableSubject,
  secretHolder: { kind: "set", id },
});

/** What the sealed value of a workspace's variable is bound to. */
export const workspaceVariableSubject = ({ id }: { readonly id: string }): string => `variable/${id}`;

/** What the sealed value of a set's variable is bound to. */
export const setVariableSubject = ({ id }: { readonly id: string }): string => `set-variable/${id}`;
