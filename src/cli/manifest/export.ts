import type { AgentPool } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import type { Document, Kind } from "./documents.ts";
import { isSet, providersSpecOf, readSettings } from "./providers.ts";
import type { ManifestScope } from "./scope.ts";
import { organizationSpec, poolSpec, variableSetSpec, workspaceSpec } from "./specs.ts";
import { entryOf, readVariables } from "./variables.ts";

const pageSize = 1000;
const apiVersion = "windlass/v1";

/** The resources of the organization as documents that describe them; sensitive values are only named. */
export async function exportDocuments(scope: ManifestScope, kinds: ReadonlySet<Kind>): Promise<readonly Document[]> {
  return [
    ...(kinds.has("Organization") ? await organization(scope) : []),
    ...(kinds.has("AgentPool") ? await pools(scope) : []),
    ...(kinds.has("OrganizationProviders") ? await organizationProviders(scope) : []),
    ...(kinds.has("AgentPoolProviders") ? await poolProviders(scope) : []),
    ...(kinds.has("VariableSet") ? await variableSets(scope) : []),
    ...(kinds.has("Workspace") ? await workspaces(scope) : []),
  ];
}

async function organization({ context, organization: name }: ManifestScope): Promise<readonly Document[]> {
  const found = (await (await context.client(OrganizationService)).getOrganization({ organization: name }))
    .organization;
  if (found === undefined) return [];
  return [{ apiVersion, kind: "Organization", metadata: { name: found.name }, spec: organizationSpec.current(found) }];
}

async function pools(scope: ManifestScope): Promise<readonly Document[]> {
  return (await listPools(scope)).map((pool) => ({
    apiVersion,
    kind: "AgentPool",
    metadata: { name: pool.name },
    spec: { ...poolSpec.current(pool), grantedWorkspaces: [...pool.grantedWorkspaces] },
  }));
}

async function listPools({ context, organization: name }: ManifestScope): Promise<readonly AgentPool[]> {
  const client = await context.client(AgentPoolService);
  return pages(async (pageToken) => {
    const { agentPools, nextPageToken } = await client.listAgentPools({ organization: name, pageSize, pageToken });
    return { rows: agentPools, nextPageToken };
  });
}

async function organizationProviders(scope: ManifestScope): Promise<readonly Document[]> {
  const settings = await readSettings(scope, { organization: scope.organization, agentPool: "" });
  const { organization: name } = settings;
  if (!isSet(settings)) return [];
  return [{ apiVersion, kind: "OrganizationProviders", metadata: { name }, spec: providersSpecOf(name, settings) }];
}

async function poolProviders(scope: ManifestScope): Promise<readonly Document[]> {
  const documents: Document[] = [];
  for (const { name } of await listPools(scope)) {
    const settings = await readSettings(scope, { organization: scope.organization, agentPool: name });
    if (!isSet(settings)) continue;
    const spec = providersSpecOf(name, settings);
    documents.push({ apiVersion, kind: "AgentPoolProviders", metadata: { name }, spec });
  }
  return documents;
}

async function variableSets(scope: ManifestScope): Promise<readonly Document[]> {
  const client = await scope.context.client(VariableSetService);
  const rows = await pages(async (pageToken) => {
    const page = { organization: scope.organization, pageSize, pageToken };
    const { variableSets: found, nextPageToken } = await client.listVariableSets(page);
    return { rows: found, nextPageToken };
  });
  const documents: Document[] = [];
  for (const set of rows) {
    const variables = (await readVariables(scope, { variableSet: set.name })).map((one) => entryOf(set.name, one));
    const spec = { ...variableSetSpec.current(set), workspaces: [...set.workspaces], variables };
    documents.push({ apiVersion, kind: "VariableSet", metadata: { name: set.name }, spec });
  }
  return documents;
}

async function workspaces(scope: ManifestScope): Promise<readonly Document[]> {
  const client = await scope.context.client(WorkspaceService);
  const rows = await pages(async (pageToken) => {
    const page = { organization: scope.organization, pageSize, pageToken };
    const { workspaces: found, nextPageToken } = await client.listWorkspaces(page);
    return { rows: found, nextPageToken };
  });
  const documents: Document[] = [];
  for (const workspace of rows) {
    const { pool, executionMode, ...own } = workspaceSpec.current(workspace);
    const variables = (await readVariables(scope, { workspace: workspace.name })).map((one) =>
      entryOf(workspace.name, one),
    );
    // Of one that has its organization's, neither is its own.
    const place = own.inheritExecutionMode ? {} : { executionMode, pool: pool || undefined };
    const spec = { ...own, ...place, variables };
    documents.push({ apiVersion, kind: "Workspace", metadata: { name: workspace.name }, spec });
  }
  return documents;
}

interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

async function pages<Row>(fetch: (pageToken: string) => Promise<Page<Row>>): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let pageToken = ""; ; ) {
    const page = await fetch(pageToken);
    rows.push(...page.rows);
    if (page.nextPageToken === "") return rows;
    pageToken = page.nextPageToken;
  }
}
