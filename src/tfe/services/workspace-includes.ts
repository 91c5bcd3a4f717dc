import { getOrganization } from "../../control/people/organizations.ts";
import { getState } from "../../control/states/states.ts";
import { type DetailedWorkspace, detailedByIds } from "../../control/workspaces/search.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { StateVersionId, WorkspaceId } from "../../lib/words/ids.ts";
import { type Resource, uniqueResources } from "../core/answers.ts";
import type { TfeCall } from "../core/call.ts";
import { includesOf } from "../core/pages.ts";
import { toOrganization, toProject } from "../mapping/organization.ts";
import { toStateVersion } from "../mapping/state-version.ts";
import { bindingsOf, toTagBinding } from "../mapping/tag.ts";
import { toWorkspace } from "../mapping/workspace.ts";
import { configurationOf, runBeside } from "./run-includes.ts";
import { workspaceOutputs } from "./state-outputs.ts";
import { urlsOf } from "./state-versions.ts";
import { usersOf } from "./users.ts";

/** What clients may want with workspaces. What there is none of is included as nothing. */
const known = [
  "organization",
  "project",
  "current_run",
  "current_run.plan",
  "current_run.configuration_version",
  "current_run.configuration_version.ingress_attributes",
  "current_configuration_version",
  "current_configuration_version.ingress_attributes",
  "current_state_version",
  "effective_tag_bindings",
  "locked_by",
  "outputs",
  "readme",
] as const;

type Include = (typeof known)[number];

/** Workspaces as documents, with what was asked for beside them. */
export interface IncludedWorkspaces {
  readonly resources: readonly Resource[];
  readonly included: readonly Resource[] | undefined;
}

/** What a call wants beside workspaces. */
export const workspaceIncludes = (call: TfeCall): ReadonlySet<Include> => includesOf(call, known);

/** The documents of workspaces of one organization, to stand beside what names them. */
export const workspacesByIds = async (call: TfeCall, ids: readonly WorkspaceId[]): Promise<readonly Resource[]> =>
  (await detailedByIds(call.control, call.who, ids)).map((row) => toWorkspace(row, call.who));

/** The documents of workspaces of one organization. */
export async function withIncludes(
  call: TfeCall,
  rows: readonly DetailedWorkspace[],
  wanted: ReadonlySet<Include>,
): Promise<IncludedWorkspaces> {
  const resources = rows.map((row) => toWorkspace(row, call.who));
  const [first] = rows;
  if (wanted.size === 0 || first === undefined) return { resources, included: undefined };
  const included: Resource[] = [];
  if (wanted.has("organization") || wanted.has("project")) {
    const organization = await getOrganization(call.control, call.who, first.view.workspace.organizationId);
    if (wanted.has("organization")) included.push(toOrganization(organization, call.who));
    if (wanted.has("project")) included.push(toProject(organization));
  }
  const complete: Resource[] = [];
  for (const [index, resource] of resources.entries()) {
    const row = rows[index] ?? first;
    const own = await ownParts(call, row, wanted);
    included.push(...(await currentRunOf(call, row, wanted)));
    for (const part of Object.values(own)) included.push(...part);
    if (wanted.has("current_state_version")) included.push(...(await currentState(call, row)));
    if (wanted.has("locked_by")) included.push(...(await holderOf(call, row)));
    if (wanted.has("current_configuration_version") || wanted.has("current_configuration_version.ingress_attributes"))
      included.push(...(await currentConfiguration(call, row)));
    complete.push(withRelated(resource, own));
  }
  return { resources: complete, included: uniqueResources(included) };
}

type Parts = Readonly<Record<string, readonly Resource[]>>;

/** What belongs to one workspace, by the relationship that it is in. */
async function ownParts(call: TfeCall, { view }: DetailedWorkspace, wanted: ReadonlySet<Include>): Promise<Parts> {
  const { workspace } = view;
  const { currentStateId } = workspace;
  return {
    ...(wanted.has("outputs") ? { outputs: await outputsOf(call, currentStateId) } : {}),
    ...(wanted.has("effective_tag_bindings")
      ? {
          "effective-tag-bindings": bindingsOf(workspace).map((binding) =>
            toTagBinding("effective-tag-bindings", workspace, binding),
          ),
        }
      : {}),
  };
}

const nowhere = { organization: "", name: "" };

/** Of the workspace's state, if it can be looked into. */
async function outputsOf(call: TfeCall, id: StateVersionId | null): Promise<readonly Resource[]> {
  if (id === null) return [];
  try {
    return await workspaceOutputs(call, { id, workspace: nowhere });
  } catch (error) {
    if (isWindlassError(error, "validation")) return [];
    throw error;
  }
}

async function currentState(call: TfeCall, { view }: DetailedWorkspace): Promise<readonly Resource[]> {
  const { currentStateId: id } = view.workspace;
  if (id === null) return [];
  const state = await getState(call.control, call.who, { id, workspace: nowhere });
  return [toStateVersion(state, urlsOf(call, state))];
}

/** The current run, whose name stands in the workspace already, with what is wanted beside it. */
async function currentRunOf(
  call: TfeCall,
  { view: { currentRunId } }: DetailedWorkspace,
  wanted: ReadonlySet<Include>,
): Promise<readonly Resource[]> {
  const names = [...wanted].filter((name) => name.startsWith("current_run"));
  if (names.length === 0 || currentRunId === null) return [];
  const beside = names.some((name) => name.includes("configuration_version")) ? ["configuration_version" as const] : [];
  const own = new Set([...beside, ...(wanted.has("current_run.plan") ? ["plan" as const] : [])]);
  return runBeside(call, currentRunId, own);
}

/** Who has it locked: a person, or a run. */
async function holderOf(call: TfeCall, { view }: DetailedWorkspace): Promise<readonly Resource[]> {
  const { lock } = view.workspace;
  if (lock === null) return [];
  return lock.kind === "run" ? runBeside(call, lock.runId, new Set()) : usersOf([lock.by]);
}

/** The one that the workspace names. */
const currentConfiguration = async (call: TfeCall, { contents }: DetailedWorkspace): Promise<readonly Resource[]> =>
  contents.configurationId === null ? [] : configurationOf(call, contents.configurationId);

/** A relationship names what is included for it. */
const withRelated = (resource: Resource, parts: Parts): Resource => ({
  ...resource,
  relationships: {
    ...resource.relationships,
    ...Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [
        name,
        { ...resource.relationships?.[name], data: part.map(({ type, id }) => ({ type, id })) },
      ]),
    ),
  },
});
