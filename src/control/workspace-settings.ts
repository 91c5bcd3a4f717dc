import { posix } from "node:path";
import type { AgentPool } from "../domain/agent-pool.ts";
import { mayUse } from "../domain/agent-pool.ts";
import type { Person } from "../domain/principal.ts";
import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import type { OrganizationId, PoolId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { findPool, notFound } from "./access.ts";
import { invalid } from "./invalid.ts";
import { isName, nameShape } from "./names.ts";

/** What a caller may say of a workspace. */
export interface WorkspaceSettings
  extends Pick<
    Workspace,
    "name" | "description" | "executionMode" | "engine" | "engineVersion" | "workingDirectory" | "isAutoApply"
  > {
  /** Id or name of the pool; empty is none. */
  readonly pool: string;
}

/** Settings that passed every rule, with the pool found. */
export type CheckedSettings = Omit<WorkspaceSettings, "pool"> & { readonly poolId: PoolId | null };

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
  { pool, ...settings }: WorkspaceSettings,
): Promise<CheckedSettings> {
  const { field } = context;
  if (!isName(settings.name))
    throw invalid(`${field}.name`, `expected ${nameShape}, got ${JSON.stringify(settings.name)}`);
  const workingDirectory = checkDirectory(`${field}.working_directory`, settings.workingDirectory);
  const engineVersion = checkVersion(`${field}.engine_version`, settings.engineVersion);
  const poolId = await assignment(tx, context, { ...settings, pool });
  return { ...settings, workingDirectory, engineVersion, poolId };
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
  const clean = posix.normalize(path === "" ? "." : path).replace(/\/+$/, "");
  const isInside = !posix.isAbsolute(path) && !path.split("/").includes("..");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (isInside && !/[\\\u0000-\u001f]/.test(path)) return clean === "." ? "" : clean;
  throw invalid(
    field,
    `expected a path inside the configuration such as modules/network, without .. and backslashes, got ${JSON.stringify(path)}`,
  );
}

const constraint = /^(=|!=|>|>=|<|<=|~>)?\s*v?\d+(\.\d+){0,2}(-[0-9A-Za-z][0-9A-Za-z.-]*)?$/;

function checkVersion(field: string, text: string): string {
  const parts = text.split(",").map((part) => part.trim());
  if (text.trim() === "" || parts.every((part) => constraint.test(part))) return text.trim();
  throw invalid(
    field,
    `expected a version such as 1.11.4 or a constraint such as ~> 1.11, got ${JSON.stringify(text)}`,
  );
}
