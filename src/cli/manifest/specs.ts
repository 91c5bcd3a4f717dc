import type { AgentPool } from "../../gen/windlass/v1/agent_pool_pb.ts";
import type { Organization } from "../../gen/windlass/v1/organization_pb.ts";
import type { VariableSet } from "../../gen/windlass/v1/variable_pb.ts";
import type { Workspace } from "../../gen/windlass/v1/workspace_pb.ts";
import { given } from "../../lib/values/records.ts";
import { engineWord } from "../terminal/words.ts";
import { taggedBy, tagWords } from "../workspace/tags.ts";
import type { OrganizationDocument, PoolDocument, VariableSetDocument, WorkspaceDocument } from "./documents.ts";
import { durationOf, durationWord, engineOf, modeOf, modeWord, normalDuration } from "./words.ts";

// For each kind: `current` is a resource as a manifest writes it, `shown` the manifest in the same form, `wanted` what the
// API is sent, and `mask` the paths of an update.

const snake = (path: string): string => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const maskFor = (wanted: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(wanted).map(([path, value]) => [snake(path), value]));

/** Organizations. */
export const organizationSpec = {
  current: (org: Organization): Required<OrganizationDocument["spec"]> => ({
    maxAgents: org.maxAgents,
    maxWorkspaces: org.maxWorkspaces,
    defaultExecutionMode: modeWord(org.defaultExecutionMode),
    defaultEngine: { name: engineWord(org.defaultEngine), version: org.defaultEngineVersion },
  }),
  shown: ({ defaultEngine, ...spec }: OrganizationDocument["spec"]): OrganizationDocument["spec"] => ({
    ...spec,
    defaultEngine:
      defaultEngine === undefined ? undefined : { name: defaultEngine.name, version: defaultEngine.version ?? "" },
  }),
  wanted: ({ maxAgents, maxWorkspaces, defaultExecutionMode, defaultEngine }: OrganizationDocument["spec"]) =>
    given({
      maxAgents,
      maxWorkspaces,
      defaultExecutionMode: defaultExecutionMode && modeOf(defaultExecutionMode),
      defaultEngine: defaultEngine && engineOf(defaultEngine.name),
      defaultEngineVersion: defaultEngine && (defaultEngine.version ?? ""),
    }),
  mask: maskFor,
};

type OwnPool = Omit<PoolDocument["spec"], "grantedWorkspaces">;

/** Agent pools, without their grants. */
export const poolSpec = {
  current: (pool: AgentPool): Required<OwnPool> => ({
    description: pool.description,
    organizationScoped: pool.organizationScoped,
  }),
  shown: ({ description, organizationScoped }: PoolDocument["spec"]): OwnPool =>
    given({ description, organizationScoped }),
  wanted: ({ description, organizationScoped }: PoolDocument["spec"]) => given({ description, organizationScoped }),
  mask: maskFor,
};

type OwnSet = Omit<VariableSetDocument["spec"], "workspaces" | "variables">;

/** Variable sets, without variables and attachments. */
export const variableSetSpec = {
  current: ({ description, isGlobal: global, isPriority: priority }: VariableSet): Required<OwnSet> => ({
    ...{ description, global, priority },
  }),
  shown: ({ description, global, priority }: VariableSetDocument["spec"]): OwnSet =>
    given({ description, global, priority }),
  wanted: ({ description, global: isGlobal, priority: isPriority }: VariableSetDocument["spec"]) =>
    given({ description, isGlobal, isPriority }),
  mask: maskFor,
};

type OwnWorkspace = Omit<WorkspaceDocument["spec"], "variables">;

/** Workspaces, without variables. */
export const workspaceSpec = {
  current: (workspace: Workspace): Required<OwnWorkspace> => ({
    description: workspace.description,
    executionMode: modeWord(workspace.executionMode),
    pool: workspace.agentPool,
    engine: { name: engineWord(workspace.engine), version: workspace.engineVersion },
    workingDirectory: workspace.workingDirectory,
    autoApply: workspace.autoApply,
    inheritExecutionMode: workspace.inheritsExecutionMode,
    refuseDestroy: workspace.refusesDestroy,
    tags: [...tagWords(workspace)],
    agentSelector: workspace.agentSelector,
    planTimeout: durationWord(workspace.planTimeout),
    applyTimeout: durationWord(workspace.applyTimeout),
    initTimeout: durationWord(workspace.initTimeout),
    parallelism: workspace.parallelism,
    shareState: workspace.sharesStateWithOrganization,
    shareStateWith: [...workspace.remoteStateConsumers].sort(),
  }),
  shown: ({ variables: _variables, ...spec }: WorkspaceDocument["spec"]): OwnWorkspace => ({
    ...spec,
    executionMode: spec.pool === undefined ? spec.executionMode : "agent",
    engine: spec.engine === undefined ? undefined : { name: spec.engine.name, version: spec.engine.version ?? "" },
    tags: spec.tags === undefined ? undefined : [...spec.tags].sort(),
    shareStateWith: spec.shareStateWith === undefined ? undefined : [...spec.shareStateWith].sort(),
    planTimeout: spec.planTimeout === undefined ? undefined : normalDuration(spec.planTimeout),
    applyTimeout: spec.applyTimeout === undefined ? undefined : normalDuration(spec.applyTimeout),
    initTimeout: spec.initTimeout === undefined ? undefined : normalDuration(spec.initTimeout),
  }),
  wanted: (spec: WorkspaceDocument["spec"]) => {
    const mode = spec.executionMode ?? (spec.pool === undefined ? undefined : ("agent" as const));
    const leavesPool = mode !== undefined && mode !== "agent";
    return given({
      description: spec.description,
      executionMode: mode && modeOf(mode),
      agentPool: spec.pool ?? (leavesPool ? "" : undefined),
      engine: spec.engine && engineOf(spec.engine.name),
      engineVersion: spec.engine && (spec.engine.version ?? ""),
      workingDirectory: spec.workingDirectory,
      autoApply: spec.autoApply,
      inheritsExecutionMode: spec.inheritExecutionMode,
      refusesDestroy: spec.refuseDestroy,
      ...(spec.tags === undefined ? {} : taggedBy(spec.tags)),
      agentSelector: spec.agentSelector,
      planTimeout: spec.planTimeout === undefined ? undefined : durationOf(spec.planTimeout),
      applyTimeout: spec.applyTimeout === undefined ? undefined : durationOf(spec.applyTimeout),
      initTimeout: spec.initTimeout === undefined ? undefined : durationOf(spec.initTimeout),
      parallelism: spec.parallelism,
      sharesStateWithOrganization: spec.shareState,
      remoteStateConsumers: spec.shareStateWith && [...spec.shareStateWith],
    });
  },
  mask: maskFor,
};
