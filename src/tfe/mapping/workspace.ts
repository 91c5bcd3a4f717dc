import { keyOfActor } from "../../control/core/audit.ts";
import type { DetailedWorkspace } from "../../control/workspaces/search.ts";
import { allows, type Person } from "../../domain/people/principal.ts";
import type { Workspace, WorkspaceLock } from "../../domain/workspaces/workspace.ts";
import type { Relationship, Resource, ResourceName } from "../core/answers.ts";
import { toTfeId, toTime } from "../core/ids.ts";
import { projectName } from "./organization.ts";
import { bindingsOf, toTagBinding } from "./tag.ts";
import { keptDefaults, writtenDirectory } from "./workspace-input.ts";

export const workspaceName = ({ id }: Pick<Workspace, "id">): ResourceName => ({
  type: "workspaces",
  id: toTfeId(id),
});

/** A workspace as clients know it. */
export function toWorkspace({ view, contents }: DetailedWorkspace, who: Person): Resource {
  const { workspace, organizationName } = view;
  const path = `${organizationName}/workspaces/${workspace.name}`;
  return {
    ...workspaceName(workspace),
    attributes: {
      ...keptDefaults,
      ...workspace.keptAttributes,
      ...settingsOf(workspace),
      permissions: permissionsOf(view, who),
      "resource-count": contents.resources,
      "workspace-kpis-runs-count": contents.runs,
    },
    relationships: relationshipsOf({ view, contents }),
    links: { self: `/api/v2/organizations/${path}`, "self-html": `/app/${path}` },
  };
}

const settingsOf = (workspace: Workspace) => ({
  actions: { "is-destroyable": true },
  "allow-destroy-plan": workspace.allowsDestroy,
  "auto-apply": workspace.isAutoApply,
  "can-queue-destroy-plan": workspace.allowsDestroy && workspace.executionMode !== "local",
  "created-at": toTime(workspace.createdAt),
  description: workspace.description,
  environment: "default",
  "execution-mode": workspace.executionMode,
  "global-remote-state": workspace.sharesState,
  "latest-change-at": toTime(workspace.updatedAt),
  locked: workspace.lock !== null,
  "locked-reason": workspace.lock?.kind === "person" ? workspace.lock.reason : "",
  name: workspace.name,
  operations: workspace.executionMode !== "local",
  "setting-overwrites": {
    "execution-mode": !workspace.inheritsExecutionMode,
    "agent-pool": !workspace.inheritsExecutionMode,
  },
  source: "tfe-api",
  "source-name": workspace.sourceName,
  "source-url": workspace.sourceUrl,
  "tag-names": workspace.tags,
  "terraform-version": versionText(workspace.engineVersion),
  "updated-at": toTime(workspace.updatedAt),
  "vcs-repo": null,
  "working-directory": directoryText(workspace),
});

/** A version or constraint as the terraform program reads it: `1.11` is not any 1.11.x to it. */
const versionText = (version: string): string => {
  if (version === "") return "latest";
  return /^\d+(\.\d+)?$/.test(version) ? `~> ${version}.0` : version;
};

/** As it was written, as long as it still means the same. */
function directoryText({ workingDirectory, keptAttributes }: Workspace): string {
  const written = keptAttributes[writtenDirectory];
  return typeof written === "string" && written.replace(/^\.\/|\/+$/g, "") === workingDirectory
    ? written
    : workingDirectory;
}

function permissionsOf({ allowsForceDelete }: DetailedWorkspace["view"], who: Person) {
  const [operates, plans, owns] = [allows(who, "operate"), allows(who, "plan"), allows(who, "own")];
  return {
    "can-create-state-versions": operates,
    "can-destroy": operates,
    "can-force-delete": owns || (operates && allowsForceDelete),
    "can-force-unlock": owns,
    "can-lock": operates,
    "can-manage-run-tasks": false,
    "can-manage-tags": operates,
    "can-queue-apply": operates,
    "can-queue-destroy": operates,
    "can-queue-run": plans,
    "can-read-run": allows(who, "read"),
    "can-read-settings": allows(who, "read"),
    "can-read-state-outputs": allows(who, "read"),
    "can-read-state-versions": plans,
    "can-read-variable": allows(who, "read"),
    "can-unlock": operates,
    "can-update": operates,
    "can-update-variable": operates,
  };
}

const related = (type: string, id: string | null): Relationship => ({
  data: id === null ? null : { type, id: toTfeId(id) },
});

function relationshipsOf({ view, contents }: DetailedWorkspace): Readonly<Record<string, Relationship>> {
  const { workspace, organizationName, currentRunId } = view;
  const self = `/api/v2/workspaces/${toTfeId(workspace.id)}`;
  return {
    organization: { data: { type: "organizations", id: organizationName } },
    project: { data: projectName({ id: workspace.organizationId }) },
    "agent-pool": related("agent-pools", workspace.poolId),
    "current-run": related("runs", currentRunId),
    "current-state-version": related("state-versions", workspace.currentStateId),
    "current-configuration-version": related("configuration-versions", contents.configurationId),
    "locked-by": { data: holderName(workspace.lock) },
    vars: { data: contents.variableIds.map((id) => ({ type: "vars", id: toTfeId(id) })) },
    "tag-bindings": { data: bindingsNames(workspace), links: { related: `${self}/tag-bindings` } },
    "effective-tag-bindings": { links: { related: `${self}/effective-tag-bindings` } },
    "remote-state-consumers": { links: { related: `${self}/relationships/remote-state-consumers` } },
    outputs: { links: { related: `${self}/current-state-version-outputs` } },
  };
}

const bindingsNames = (workspace: Workspace): readonly ResourceName[] =>
  bindingsOf(workspace).map((binding) => {
    const { type, id } = toTagBinding("tag-bindings", workspace, binding);
    return { type, id };
  });

/** A run, or the key that a person has. */
function holderName(lock: WorkspaceLock | null): ResourceName | null {
  if (lock === null) return null;
  if (lock.kind === "run") return { type: "runs", id: toTfeId(lock.runId) };
  const key = keyOfActor(lock.by);
  return key === undefined ? null : { type: "users", id: toTfeId(key) };
}
