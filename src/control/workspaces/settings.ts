import { posix } from "node:path";
import { readSelector } from "../../domain/agents/label-selector.ts";
import { type AgentPool, mayUse } from "../../domain/agents/pool.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { OrganizationId, PoolId } from "../../lib/words/ids.ts";
import { parseVersionConstraint } from "../../lib/words/version-constraint.ts";
import { workspaceNameShape } from "../../lib/words/workspace-names.ts";
import type { Queries } from "../../store/ports/store.ts";
import { findPool, notFound } from "../core/access.ts";
import { isWorkspaceName } from "../core/names.ts";
import { invalid } from "../core/refusals.ts";
import { checkTags } from "./tag-shapes.ts";

/** What a caller may say of a workspace. */
export interface WorkspaceSettings
  extends Pick<
    Workspace,
    | "name"
    | "description"
    | "executionMode"
    | "engine"
    | "engineVersion"
    | "workingDirectory"
    | "isAutoApply"
    | "tags"
    | "agentSelector"
    | "planTimeoutMs"
    | "applyTimeoutMs"
    | "initTimeoutMs"
    | "sharesState"
    | "parallelism"
    | "inheritsExecutionMode"
    | "allowsDestroy"
    | "tagBindings"
    | "sourceName"
    | "sourceUrl"
    | "keptAttributes"
  > {
  /** Id or name of the pool; empty is none. */
  readonly pool: string;
  /** Names of other workspaces whose runs may read its outputs; they need not exist yet. */
  readonly consumers: readonly string[];
}

/** Settings that passed every rule, with the pool found. */
export interface CheckedSettings {
  /** What stands in the workspace's own row. */
  readonly row: Omit<WorkspaceSettings, "pool" | "consumers"> & { readonly poolId: PoolId | null };
  /** Sorted, each once. */
  readonly consumers: readonly string[];
}

export interface SettingsContext {
  readonly person: Person;
  readonly organizationId: OrganizationId;
  /** The pool it is assigned to so far, which need not grant it any longer. */
  readonly currentPoolId: PoolId | null;
  /** Field of the request that holds the settings. */
  readonly field: string;
}

/** Checks settings against each other and against the pool they name. */
export async function checkSettings(
  tx: Queries,
  context: SettingsContext,
  { pool, consumers, ...settings }: WorkspaceSettings,
): Promise<CheckedSettings> {
  const { field } = context;
  if (!isWorkspaceName(settings.name))
    throw invalid(`${field}.name`, `expected ${workspaceNameShape}, got ${JSON.stringify(settings.name)}`);
  const checked = {
    workingDirectory: checkDirectory(`${field}.working_directory`, settings.workingDirectory),
    engineVersion: checkVersion(`${field}.engine_version`, settings.engineVersion),
    agentSelector: checkSelector(`${field}.agent_selector`, settings),
    ...checkTags(field, settings),
  };
  const poolId = await assignment(tx, context, { ...settings, pool });
  const row = { ...settings, ...checked, poolId };
  return { row, consumers: checkConsumers(`${field}.remote_state_consumers`, settings.name, consumers) };
}

function checkConsumers(field: string, name: string, consumers: readonly string[]): readonly string[] {
  const odd = consumers.find((consumer) => !isWorkspaceName(consumer));
  if (odd !== undefined)
    throw invalid(field, `expected names of workspaces (${workspaceNameShape}), got ${JSON.stringify(odd)}`);
  if (!consumers.includes(name)) return [...new Set(consumers)].toSorted();
  throw invalid(field, `workspace "${name}" names itself: its own runs have its whole state anyway, so leave it out`);
}

function checkSelector(
  field: string,
  { executionMode, agentSelector }: Pick<Workspace, "executionMode" | "agentSelector">,
): string {
  const text = agentSelector.trim();
  const reading = readSelector(text);
  if (reading.kind === "malformed") {
    const example = "expected conditions such as zone=a,gpu,!spot,size!=small";
    throw invalid(field, `${JSON.stringify(reading.part)} ${reading.why}: ${example}`);
  }
  if (text === "" || executionMode === "agent") return text;
  throw invalid(
    field,
    `only agents of a pool are selected: set execution_mode to agent too, or leave the selector out`,
  );
}

/** The pool a workspace is assigned to: one exactly if its mode is `agent`, and one that grants it. */
async function assignment(
  tx: Queries,
  context: SettingsContext,
  { name, executionMode, pool: reference }: Pick<WorkspaceSettings, "name" | "executionMode" | "pool">,
): Promise<PoolId | null> {
  if (executionMode !== "agent") {
    if (reference === "") return null;
    const why = `workspace "${name}" is in execution mode ${executionMode}, which uses no pool: set execution_mode to agent too, or leave the pool out`;
    throw invalid(`${context.field}.agent_pool`, why);
  }
  if (reference === "") throw noPool(name);
  const { organizationId } = context;
  const pool = await findPool(tx, context.person, { organization: organizationId, name: reference });
  if (pool.organizationId !== organizationId) throw notFound("agent pool", reference);
  if (pool.id !== context.currentPoolId) await demandGrant(tx, pool, { organizationId, name });
  return pool.id;
}

const noPool = (workspace: string) =>
  new WindlassError(
    "no_pool",
    `workspace "${workspace}" is in execution mode agent and names no agent pool: name one (windlass pool list shows them), or choose execution mode remote or local`,
    { metadata: { workspace } },
  );

async function demandGrant(tx: Queries, pool: AgentPool, workspace: Pick<Workspace, "organizationId" | "name">) {
  if (mayUse(pool, new Set(await tx.pools.grants(pool.id)), workspace)) return;
  const message = `agent pool "${pool.name}" does not grant workspace "${workspace.name}". Grant it first: windlass pool grant ${pool.name} ${workspace.name}`;
  throw new WindlassError("pool_not_granted", message, { metadata: { pool: pool.name, workspaces: workspace.name } });
}

/** A clean path below the archive's root; empty is the root itself. */
function checkDirectory(field: string, path: string): string {
  const clean = posix.normalize(path.trim() || ".").replace(/\/+$/, "");
  const isInside = !posix.isAbsolute(path.trim()) && !path.split("/").includes("..");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (isInside && !/[\\\u0000-\u001f]/.test(path)) return clean === "." ? "" : clean;
  throw invalid(
    field,
    `expected a path inside the configuration such as modules/network, without .. and backslashes, got ${JSON.stringify(path)}`,
  );
}

/** A version or a constraint, without blanks around it; refuses what is none. */
export function checkVersion(field: string, text: string): string {
  if (parseVersionConstraint(text) !== undefined) return text.trim();
  throw invalid(
    field,
    `expected a version such as 1.11.4, or 1.11 for any 1.11.x, or a constraint such as ~> 1.11, got ${JSON.stringify(text)}`,
  );
}
