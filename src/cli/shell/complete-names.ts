import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { deadlineAfter } from "../../lib/async/abort.ts";
import { variable } from "../line/environment.ts";
import type { GlobalValues } from "../line/global-flags.ts";
import { readConfig } from "../server/config-file.ts";
import { Context } from "../server/context.ts";
import type { Io } from "../terminal/io.ts";

/** What words of a command line can name. */
type NameKind = "workspace" | "pool" | "run" | "agent" | "org" | "token" | "varset" | "apikey" | "context";

/** By the placeholder under which commands ask for them. */
const kinds: Readonly<Record<string, NameKind>> = {
  WS: "workspace",
  POOL: "pool",
  RUN: "run",
  AGENT: "agent",
  ORG: "org",
  TOKEN: "token",
  SET: "varset",
  KEY_ID: "apikey",
  CONTEXT: "context",
};

/** The kind of name that stands behind `WS`, `[RUN]`, `WS...`, `WS,WS` or `WS|STATE`; undefined if none does. */
export const kindOf = (placeholder: string): NameKind | undefined =>
  kinds[placeholder.replace(/[[\].]/g, "").split(/[,|]/)[0] ?? ""];

/** Nobody waits longer for an answer of the server. */
const deadlineMs = 500;
const keepMs = 60_000;
const pageSize = 200;

/** Names of that kind on the caller's server, for at most a minute from a file; none if they cannot be had quickly. */
export async function namesOfKind(io: Io, globals: GlobalValues, kind: NameKind): Promise<readonly string[]> {
  if (kind === "context") return contextNames(io, globals);
  const stop = new AbortController();
  const quiet = { ...globals, quiet: true, verbose: false, debug: false };
  using context = new Context({ ...io, signal: AbortSignal.any([io.signal, stop.signal]) }, quiet, []);
  const { address, organization, token } = await context.connection();
  const key = hashOf([kind, address.value, organization.value, token.value ?? ""]);
  const file = join(cacheDir(io), `${key}.json`);
  const nowMs = io.clock.now().getTime();
  const kept = await readKept(file);
  if (kept !== undefined && nowMs - kept.atMs < keepMs) return kept.names;
  // What has to be loaded first is not the server's fault.
  await context.publicClient((await import("../../gen/windlass/v1/system_service_pb.ts")).SystemService);
  using deadline = deadlineAfter(io.clock, deadlineMs, io.signal);
  deadline.signal.addEventListener("abort", () => stop.abort(deadline.signal.reason), { once: true });
  const names = await fetchNames(context, kind);
  await keep(file, { atMs: nowMs, names });
  return names;
}

async function contextNames({ environment }: Io, { config }: GlobalValues): Promise<readonly string[]> {
  const { defaultConfigPath } = await import("../server/config-file.ts");
  const path = config ?? variable(environment, "WINDLASS_CONFIG") ?? defaultConfigPath(environment);
  return (await readConfig(path)).config.contexts.map(({ name }) => name);
}

async function fetchNames(context: Context, kind: Exclude<NameKind, "context">): Promise<readonly string[]> {
  const organization = await context.organization();
  const scope = { organization, pageSize };
  switch (kind) {
    case "workspace":
      return workspaces(context, scope);
    case "run":
      return [...(await runs(context, scope)), ...(await workspaces(context, scope))];
    case "pool": {
      const { AgentPoolService } = await import("../../gen/windlass/v1/agent_pool_service_pb.ts");
      return (await (await context.client(AgentPoolService)).listAgentPools(scope)).agentPools.map(({ name }) => name);
    }
    case "agent": {
      const { AgentService } = await import("../../gen/windlass/v1/agent_service_pb.ts");
      return (await (await context.client(AgentService)).listAgents(scope)).agents.map(({ name }) => name);
    }
    case "org": {
      const { OrganizationService } = await import("../../gen/windlass/v1/organization_service_pb.ts");
      const { organizations } = await (await context.client(OrganizationService)).listOrganizations({ pageSize });
      return organizations.map(({ name }) => name);
    }
    case "token": {
      const { AgentTokenService } = await import("../../gen/windlass/v1/agent_token_service_pb.ts");
      const { agentTokens } = await (await context.client(AgentTokenService)).listAgentTokens(scope);
      return agentTokens.filter(({ revokeTime }) => revokeTime === undefined).map(({ id }) => id);
    }
    case "varset": {
      const { VariableSetService } = await import("../../gen/windlass/v1/variable_set_service_pb.ts");
      const { variableSets } = await (await context.client(VariableSetService)).listVariableSets(scope);
      return variableSets.map(({ name }) => name);
    }
    case "apikey": {
      const { ApiKeyService } = await import("../../gen/windlass/v1/api_key_service_pb.ts");
      return (await (await context.client(ApiKeyService)).listApiKeys(scope)).apiKeys.map(({ id }) => id);
    }
  }
}

interface Scope {
  readonly organization: string;
  readonly pageSize: number;
}

async function workspaces(context: Context, scope: Scope): Promise<readonly string[]> {
  const { WorkspaceService } = await import("../../gen/windlass/v1/workspace_service_pb.ts");
  return (await (await context.client(WorkspaceService)).listWorkspaces(scope)).workspaces.map(({ name }) => name);
}

async function runs(context: Context, scope: Scope): Promise<readonly string[]> {
  const { RunService } = await import("../../gen/windlass/v1/run_service_pb.ts");
  return (await (await context.client(RunService)).listRuns({ ...scope, pageSize: 50 })).runs.map(({ id }) => id);
}

interface Kept {
  readonly atMs: number;
  readonly names: readonly string[];
}

async function readKept(file: string): Promise<Kept | undefined> {
  try {
    const kept = JSON.parse(await readFile(file, "utf8")) as Kept;
    return typeof kept.atMs === "number" && Array.isArray(kept.names) ? kept : undefined;
  } catch {
    return undefined;
  }
}

async function keep(file: string, kept: Kept): Promise<void> {
  try {
    const { default: writeFileAtomic } = await import("write-file-atomic");
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFileAtomic(file, JSON.stringify(kept), { mode: 0o600 });
  } catch {
    // Without a cache the next completion asks again.
  }
}

const cacheDir = ({ environment }: Io): string =>
  join(
    variable(environment, "XDG_CACHE_HOME") ?? join(variable(environment, "HOME") ?? homedir(), ".cache"),
    ...["windlass", "names"],
  );

const hashOf = (parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
