import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { given } from "../../lib/values/records.ts";
import { maskOf } from "../shared/answers.ts";
import { changedFields, type FieldChange, type ManifestChange } from "./change.ts";
import {
  type Document,
  type OrganizationProvidersDocument,
  type PoolDocument,
  type PoolProvidersDocument,
  resourceOf,
  type VariableSetDocument,
  type WorkspaceDocument,
} from "./documents.ts";
import { planProviders } from "./providers.ts";
import { ifFound, type ManifestScope, without } from "./scope.ts";
import { organizationSpec, poolSpec, variableSetSpec, workspaceSpec } from "./specs.ts";
import { planVariables } from "./variables.ts";

/** What a document would do to the resource it describes. */
export function planDocument(scope: ManifestScope, document: Document): Promise<ManifestChange> {
  switch (document.kind) {
    case "Organization":
      return planOrganization(scope, document);
    case "AgentPool":
      return planPool(scope, document);
    case "VariableSet":
      return planVariableSet(scope, document);
    case "Workspace":
      return planWorkspace(scope, document);
    case "OrganizationProviders":
    case "AgentPoolProviders":
      return planSettings(scope, document);
  }
}

interface Parts {
  readonly resource: string;
  readonly isNew: boolean;
  readonly fields: readonly FieldChange[];
  readonly notes?: readonly string[] | undefined;
  readonly steps: readonly (() => Promise<unknown>)[];
}

const changeOf = ({ resource, isNew, fields, notes = [], steps }: Parts): ManifestChange => ({
  resource,
  kind: isNew ? "create" : fields.length > 0 ? "update" : "none",
  fields,
  notes,
  steps,
});

async function planOrganization(
  { context }: ManifestScope,
  document: Document & { kind: "Organization" },
): Promise<ManifestChange> {
  const client = await context.client(OrganizationService);
  const { name } = document.metadata;
  const found = (await ifFound(client.getOrganization({ organization: name })))?.organization;
  const wanted = organizationSpec.wanted(document.spec);
  const fields = changedFields(organizationSpec.shown(document.spec), found && organizationSpec.current(found));
  const create = () => client.createOrganization({ name, ...wanted, requestId: context.io.random.uuid() });
  const update = () =>
    client.updateOrganization({
      organization: name,
      changes: wanted,
      updateMask: maskOf(organizationSpec.mask(wanted)),
      etag: found?.etag ?? "",
    });
  return changeOf({
    resource: resourceOf(document),
    isNew: found === undefined,
    fields,
    steps: found === undefined ? [create] : fields.length === 0 ? [] : [update],
  });
}

async function planPool(scope: ManifestScope, document: PoolDocument): Promise<ManifestChange> {
  const { context, organization, prunes } = scope;
  const client = await context.client(AgentPoolService);
  const { name } = document.metadata;
  const { grantedWorkspaces: grants } = document.spec;
  const found = (await ifFound(client.getAgentPool({ organization, agentPool: name })))?.agentPool;
  const wanted = poolSpec.wanted(document.spec);
  const own = changedFields(poolSpec.shown(document.spec), found && poolSpec.current(found));
  const added = without(grants ?? [], found?.grantedWorkspaces ?? []);
  const removed = prunes && grants !== undefined ? without(found?.grantedWorkspaces ?? [], grants) : [];
  const create = () => client.createAgentPool({ organization, name, ...wanted, requestId: context.io.random.uuid() });
  const update = () =>
    client.updateAgentPool({
      organization,
      agentPool: name,
      changes: wanted,
      updateMask: maskOf(poolSpec.mask(wanted)),
      etag: found?.etag ?? "",
    });
  const named = { organization, agentPool: name };
  return changeOf({
    resource: resourceOf(document),
    isNew: found === undefined,
    fields: [...own, ...listed("grantedWorkspaces", { added, removed })],
    steps: [
      ...(found === undefined ? [create] : own.length === 0 ? [] : [update]),
      ...(added.length === 0 ? [] : [() => client.grantWorkspaces({ ...named, workspaces: [...added] })]),
      ...(removed.length === 0 ? [] : [() => client.revokeWorkspaces({ ...named, workspaces: [...removed] })]),
    ],
  });
}

async function planVariableSet(scope: ManifestScope, document: VariableSetDocument): Promise<ManifestChange> {
  const { context, organization, prunes } = scope;
  const client = await context.client(VariableSetService);
  const { name } = document.metadata;
  const { workspaces } = document.spec;
  const found = (await ifFound(client.getVariableSet({ organization, variableSet: name })))?.variableSet;
  const wanted = variableSetSpec.wanted(document.spec);
  const own = changedFields(variableSetSpec.shown(document.spec), found && variableSetSpec.current(found));
  const added = without(workspaces ?? [], found?.workspaces ?? []);
  const removed = prunes && workspaces !== undefined ? without(found?.workspaces ?? [], workspaces) : [];
  const variables = await planVariables(scope, { variableSet: name }, document.spec.variables);
  const create = () =>
    client.createVariableSet({ organization, variableSet: { name, ...wanted }, requestId: context.io.random.uuid() });
  const update = () =>
    client.updateVariableSet({
      organization,
      variableSet: name,
      changes: wanted,
      updateMask: maskOf(variableSetSpec.mask(wanted)),
      etag: found?.etag ?? "",
    });
  const named = { organization, variableSet: name };
  return changeOf({
    resource: resourceOf(document),
    isNew: found === undefined,
    fields: [...own, ...listed("workspaces", { added, removed }), ...variables.fields],
    notes: variables.notes,
    steps: [
      ...(found === undefined ? [create] : own.length === 0 ? [] : [update]),
      ...variables.steps,
      ...(removed.length === 0 ? [] : [() => client.detachVariableSet({ ...named, workspaces: [...removed] })]),
    ],
  });
}

async function planWorkspace(scope: ManifestScope, document: WorkspaceDocument): Promise<ManifestChange> {
  const { context, organization } = scope;
  const client = await context.client(WorkspaceService);
  const { name } = document.metadata;
  const found = (await ifFound(client.getWorkspace({ organization, workspace: name })))?.workspace;
  const wanted = given(workspaceSpec.wanted(document.spec));
  const own = changedFields(workspaceSpec.shown(document.spec), found && workspaceSpec.current(found));
  const variables = await planVariables(scope, { workspace: name }, document.spec.variables);
  const create = () =>
    client.createWorkspace({ organization, workspace: { name, ...wanted }, requestId: context.io.random.uuid() });
  const update = () =>
    client.updateWorkspace({
      organization,
      workspace: name,
      changes: wanted,
      updateMask: maskOf(workspaceSpec.mask(wanted)),
      etag: found?.etag ?? "",
    });
  return changeOf({
    resource: resourceOf(document),
    isNew: found === undefined,
    fields: [...own, ...variables.fields],
    notes: variables.notes,
    steps: [...(found === undefined ? [create] : own.length === 0 ? [] : [update]), ...variables.steps],
  });
}

type ProvidersDocument = OrganizationProvidersDocument | PoolProvidersDocument;

async function planSettings(scope: ManifestScope, document: ProvidersDocument): Promise<ManifestChange> {
  const { name } = document.metadata;
  const owner =
    document.kind === "AgentPoolProviders"
      ? { organization: scope.organization, agentPool: name }
      : { organization: name, agentPool: "" };
  return changeOf({
    resource: resourceOf(document),
    isNew: false,
    ...(await planProviders(scope, owner, document.spec)),
  });
}

/** Attaching needs the workspaces: it comes after all documents. */
export async function attachmentSteps(
  { context, organization }: ManifestScope,
  { metadata: { name }, spec: { workspaces } }: VariableSetDocument,
): Promise<readonly (() => Promise<unknown>)[]> {
  if (workspaces === undefined || workspaces.length === 0) return [];
  const client = await context.client(VariableSetService);
  return [() => client.attachVariableSet({ organization, variableSet: name, workspaces: [...workspaces] })];
}

const listed = (
  path: string,
  { added, removed }: { added: readonly string[]; removed: readonly string[] },
): readonly FieldChange[] => [
  ...added.map((to) => ({ path, from: undefined, to: `+ ${to}` })),
  ...removed.map((from) => ({ path, from: `- ${from}`, to: undefined })),
];
