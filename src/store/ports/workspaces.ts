import type { RunStatus } from "../../domain/runs/run.ts";
import type { FormerSecret, SetVariable, Variable, VariableCategory } from "../../domain/workspaces/variable.ts";
import type { VariableSet } from "../../domain/workspaces/variable-set.ts";
import type { ExecutionMode, Workspace } from "../../domain/workspaces/workspace.ts";
import type {
  ConfigurationId,
  OrganizationId,
  PoolId,
  VariableId,
  VariableSetId,
  WorkspaceId,
} from "../../lib/words/ids.ts";
import type { KeyPage, NamePage, Pair, RowCount, Slice, Sliced } from "./pages.ts";

/** A tag that has a value; without one, any value. */
export interface TagBinding {
  readonly key: string;
  readonly value?: string | undefined;
}

/** Which workspaces of an organization are listed; what is left out does not matter. */
export interface WorkspaceFilter {
  readonly organizationId: OrganizationId;
  readonly poolId: PoolId | null;
  /** All of them. */
  readonly tags?: readonly string[] | undefined;
  /** All of these tags with values; without a value, any. */
  readonly tagBindings?: readonly TagBinding[] | undefined;
  /** A part of the name or of the description, in any case. */
  readonly search?: string | undefined;
  /** Any of them; none is all. */
  readonly modes?: readonly ExecutionMode[] | undefined;
  readonly isLocked?: boolean | undefined;
  /** Held by a run that is planned, or final. */
  readonly needsDecision?: boolean | undefined;
}

/** How workspaces are ordered; those without a run come last in the order of runs. */
export type WorkspaceOrder = "created_at" | "updated_at" | "name" | "current_run";

/** Which workspaces of an organization a counted list holds, and how; what is left out does not matter. */
export interface WorkspaceSearch {
  readonly organizationId: OrganizationId;
  /** A part of the name, in any case. */
  readonly name?: string | undefined;
  /** The whole name in any case, where `*` is any text. */
  readonly namePattern?: string | undefined;
  /** All of them. */
  readonly tags?: readonly string[] | undefined;
  /** None of them. */
  readonly excludedTags?: readonly string[] | undefined;
  /** All of these tags with values; without a value any, and the plain tag too. */
  readonly tagBindings?: readonly TagBinding[] | undefined;
  /** Of the run that holds the workspace or, if none does, its newest one. */
  readonly currentRunStatuses?: readonly RunStatus[] | undefined;
  /** Only those that this one names as readers of its outputs. */
  readonly consumersOf?: WorkspaceId | undefined;
  readonly order: WorkspaceOrder;
  readonly isDescending?: boolean | undefined;
}

/** What a workspace has in it. */
export interface WorkspaceContents {
  readonly workspaceId: WorkspaceId;
  /** Of its current state. */
  readonly resources: number;
  readonly runs: number;
  /** The newest one that is not provisional. */
  readonly configurationId: ConfigurationId | null;
  /** By category and key. */
  readonly variableIds: readonly VariableId[];
}

/** A plain tag, and how many workspaces of the organization have it. */
export interface TagCount {
  readonly tag: string;
  readonly workspaces: number;
}

/** Which tags of an organization are listed. */
export interface TagSearch {
  readonly organizationId: OrganizationId;
  /** A part of the tag, in any case; empty is all. */
  readonly search: string;
  /** Leaves out this tag. */
  readonly except?: string | undefined;
  /** Leaves out the tags that this workspace has. */
  readonly exceptOf?: WorkspaceId | undefined;
}

/** How much goes with a workspace. */
export interface WorkspaceLosses {
  readonly stateVersions: number;
  /** Of its current state. */
  readonly resources: number;
  /** Why these are not counted; empty if they are. */
  readonly unreadReason: string;
  readonly runs: number;
  readonly variables: number;
  readonly configurationVersions: number;
}

/** A workspace name that may read the outputs of a workspace. */
export interface StateConsumer {
  readonly workspaceId: WorkspaceId;
  readonly consumerName: string;
}

/** A workspace that a variable set is attached to. */
export interface SetWorkspace {
  readonly setId: VariableSetId;
  readonly workspaceId: WorkspaceId;
  readonly name: string;
}

/** Queries of workspaces; see `Queries` for what all have in common. */
export interface WorkspaceQueries {
  get(id: WorkspaceId): Promise<Workspace | undefined>;
  byName(organizationId: OrganizationId, name: string): Promise<Workspace | undefined>;
  /** The one whose name differs from this at most in the case of ASCII letters. */
  byNameInAnyCase(organizationId: OrganizationId, name: string): Promise<Workspace | undefined>;
  byIds(ids: readonly WorkspaceId[]): Promise<readonly Workspace[]>;
  list(filter: WorkspaceFilter, page: NamePage): Promise<readonly Workspace[]>;
  /** The name of the workspace that stands `rows` after a name in its organization; null if there are fewer. */
  placeAfter(organizationId: OrganizationId, page: RowCount): Promise<string | null>;
  count(organizationId: OrganizationId): Promise<number>;
  search(wanted: WorkspaceSearch, slice: Slice): Promise<Sliced<Workspace>>;
  /** In no order; nothing for what is not there. */
  contents(ids: readonly WorkspaceId[]): Promise<readonly WorkspaceContents[]>;
  /** The tags of an organization, by name. */
  tags(wanted: TagSearch, slice: Slice): Promise<Sliced<TagCount>>;
  /** Those whose mode and pool are their organization's, by name. */
  followers(organizationId: OrganizationId, page: NamePage): Promise<readonly Workspace[]>;
  insert(row: Workspace): Promise<void>;
  save(row: Workspace): Promise<void>;
  /** Deletes the workspace with its variables, configurations, runs, jobs and states. */
  delete(id: WorkspaceId): Promise<void>;
  /** How many runs wait for these workspaces; those that nobody waits for are left out. */
  queuedRuns(
    ids: readonly WorkspaceId[],
  ): Promise<readonly { readonly workspaceId: WorkspaceId; readonly count: number }[]>;
  /** What goes with it. */
  losses(id: WorkspaceId): Promise<WorkspaceLosses>;
  /** Who may read the outputs of these workspaces, by name. */
  consumers(ids: readonly WorkspaceId[]): Promise<readonly StateConsumer[]>;
  setConsumers(id: WorkspaceId, names: readonly string[]): Promise<void>;
  /** Lets what an organization's workspaces share with a name go to another one; null: to nobody. */
  moveConsumer(organizationId: OrganizationId, from: string, to: string | null): Promise<void>;
  /** Other workspaces with a state that let this one read their outputs, by name, at most `limit`. */
  sharingWith(
    consumer: Pick<Workspace, "id" | "organizationId" | "name">,
    page: NamePage,
  ): Promise<readonly Workspace[]>;
}

/** Queries of the variables of workspaces. */
export interface VariableQueries {
  /** Of a workspace, by (key, category). */
  list(workspaceId: WorkspaceId, page: KeyPage<Pair>): Promise<readonly Variable[]>;
  all(workspaceId: WorkspaceId): Promise<readonly Variable[]>;
  /** A counted part, in the same order. */
  slice(workspaceId: WorkspaceId, slice: Slice): Promise<Sliced<Variable>>;
  get(id: VariableId): Promise<Variable | undefined>;
  byKey(workspaceId: WorkspaceId, category: VariableCategory, key: string): Promise<Variable | undefined>;
  insert(row: Variable): Promise<void>;
  save(row: Variable): Promise<void>;
  /** True if it was there. */
  delete(workspaceId: WorkspaceId, category: VariableCategory, key: string): Promise<boolean>;
}

/** Which variable sets of an organization; with a workspace only those that it gets. */
export interface VariableSetFilter {
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId | null;
  /** A part of the name, in any case. */
  readonly search?: string | undefined;
}

/** Queries of variable sets. */
export interface VariableSetQueries {
  get(id: VariableSetId): Promise<VariableSet | undefined>;
  byName(organizationId: OrganizationId, name: string): Promise<VariableSet | undefined>;
  /** The one whose name differs from this at most in the case of ASCII letters. */
  byNameInAnyCase(organizationId: OrganizationId, name: string): Promise<VariableSet | undefined>;
  /** By name. */
  list(filter: VariableSetFilter, page: NamePage): Promise<readonly VariableSet[]>;
  /** The same, a counted part; with a search only those in whose name it occurs, in any case. */
  slice(filter: VariableSetFilter, slice: Slice): Promise<Sliced<VariableSet>>;
  /** Every set that a workspace gets, in no order. */
  ofWorkspace(workspace: Pick<Workspace, "id" | "organizationId">): Promise<{
    readonly attached: readonly VariableSet[];
    /** Global ones, those among them that are attached too. */
    readonly global: readonly VariableSet[];
  }>;
  insert(row: VariableSet): Promise<void>;
  save(row: VariableSet): Promise<void>;
  /** Deletes the set with its variables. */
  delete(id: VariableSetId): Promise<void>;
  /** Names of the workspaces that these sets are attached to, by name. */
  workspaces(ids: readonly VariableSetId[]): Promise<readonly SetWorkspace[]>;
  /** How many variables these sets have; those without any are left out. */
  sizes(ids: readonly VariableSetId[]): Promise<readonly { readonly setId: VariableSetId; readonly count: number }[]>;
  /** Those already attached stay. */
  attach(id: VariableSetId, workspaceIds: readonly WorkspaceId[]): Promise<void>;
  detach(id: VariableSetId, workspaceIds: readonly WorkspaceId[]): Promise<void>;
}

/** Queries of the variables of sets. */
export interface SetVariableQueries {
  /** Of a set, by (key, category). */
  list(setId: VariableSetId, page: KeyPage<Pair>): Promise<readonly SetVariable[]>;
  /** Of many sets, in no order. */
  ofSets(setIds: readonly VariableSetId[]): Promise<readonly SetVariable[]>;
  /** A counted part of those of a set, by (key, category). */
  slice(setId: VariableSetId, slice: Slice): Promise<Sliced<SetVariable>>;
  get(id: VariableId): Promise<SetVariable | undefined>;
  /** Ids of the variables of these sets, by (key, category). */
  idsOfSets(
    setIds: readonly VariableSetId[],
  ): Promise<readonly { readonly setId: VariableSetId; readonly id: VariableId }[]>;
  insert(row: SetVariable): Promise<void>;
  save(row: SetVariable): Promise<void>;
  /** True if it was there. */
  delete(setId: VariableSetId, category: VariableCategory, key: string): Promise<boolean>;
}

/** Whose former secrets are meant. */
export interface SecretHolders {
  readonly workspaceIds: readonly WorkspaceId[];
  readonly setIds: readonly VariableSetId[];
}

/** Queries of the values that sensitive variables had. */
export interface FormerSecretQueries {
  /** Of all these holders, the newest first. */
  of(holders: SecretHolders): Promise<readonly FormerSecret[]>;
  insert(row: FormerSecret): Promise<void>;
  delete(ids: readonly VariableId[]): Promise<void>;
}
