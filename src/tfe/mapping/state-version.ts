import { keyOfActor } from "../../control/core/audit.ts";
import type { StateSummary, SummedResource } from "../../control/documents/state-summary.ts";
import { outputKey } from "../../control/documents/typed-outputs.ts";
import type { StateView } from "../../control/states/states.ts";
import type { ShownOutput, SummedState } from "../../control/states/typed-outputs.ts";
import type { StateAnnouncement, StateStatus, StateVersion } from "../../domain/workspaces/state-version.ts";
import { readJson } from "../../lib/json/json.ts";
import type { Relationship, Resource, ResourceName } from "../core/answers.ts";
import { toNamedId, toTfeId, toTime } from "../core/ids.ts";

/** Clients know no others: one that was kept aside never was the workspace's state. */
const statuses: Readonly<Record<StateStatus, string>> = {
  current: "finalized",
  superseded: "finalized",
  quarantined: "discarded",
};

/** Where the bytes of a state can be read; null for whoever may not. */
export interface StateUrls {
  readonly state: string | null;
  readonly json: string | null;
}

type Shared = Pick<
  StateVersion,
  "id" | "workspaceId" | "runId" | "createdBy" | "createdAt" | "serial" | "isIntermediate"
>;

const pathOf = (id: string): string => `/api/v2/state-versions/${toTfeId(id)}`;

const sharedAttributes = ({ serial, createdAt, isIntermediate }: Shared) => ({
  serial,
  "created-at": toTime(createdAt),
  intermediate: isIntermediate,
  "vcs-commit-sha": null,
  "vcs-commit-url": null,
});

const sharedRelationships = ({
  id,
  workspaceId,
  runId,
  createdBy,
}: Shared): Readonly<Record<string, Relationship>> => ({
  workspace: { data: { type: "workspaces", id: toTfeId(workspaceId) } },
  run: { data: runId === null ? null : { type: "runs", id: toTfeId(runId) } },
  "created-by": { data: userOf(createdBy) },
  outputs: { links: { related: `${pathOf(id)}/outputs` } },
});

function userOf(createdBy: string): ResourceName | null {
  const key = keyOfActor(createdBy);
  return key === undefined ? null : { type: "users", id: toTfeId(key) };
}

/** A state version as clients know it. Its lineage and serial are those that it was announced with. */
export const toStateVersion = ({ state }: StateView, urls: StateUrls): Resource => ({
  type: "state-versions",
  id: toTfeId(state.id),
  attributes: {
    ...sharedAttributes(state),
    lineage: state.lineage,
    size: state.bytes,
    status: statuses[state.status],
    "state-version": 4,
    "terraform-version": state.terraformVersion === "" ? null : state.terraformVersion,
    "hosted-state-download-url": urls.state,
    "hosted-json-state-download-url": state.jsonBlobKey === null ? null : urls.json,
    "hosted-state-upload-url": null,
    "hosted-json-state-upload-url": null,
    "resources-processed": true,
  },
  relationships: {
    ...sharedRelationships(state),
    "rollback-state-version": {
      data: state.rollbackOf === null ? null : { type: "state-versions", id: toTfeId(state.rollbackOf) },
    },
  },
  links: { self: pathOf(state.id) },
});

/** The same with what it holds; nothing of it if it cannot be looked into. */
export function toSummedState({ summary, ...view }: SummedState, urls: StateUrls): Resource {
  const resource = toStateVersion(view, urls);
  return {
    ...resource,
    attributes: { ...resource.attributes, ...holdingsOf(summary) },
    relationships: {
      ...resource.relationships,
      outputs: {
        ...resource.relationships?.outputs,
        data: (summary?.outputs ?? []).map(({ key }) => ({
          type: "state-version-outputs",
          id: outputId(view.state, key),
        })),
      },
    },
  };
}

/** A state whose bytes are to come. */
export const toAnnouncement = (row: StateAnnouncement): Resource => ({
  type: "state-versions",
  id: toTfeId(row.id),
  attributes: {
    ...sharedAttributes(row),
    lineage: row.lineage === "" ? null : row.lineage,
    size: null,
    status: "pending",
    "hosted-state-download-url": null,
    "hosted-json-state-download-url": null,
    "resources-processed": false,
  },
  relationships: sharedRelationships(row),
  links: { self: pathOf(row.id) },
});

function holdingsOf(summary: StateSummary | null) {
  const resources = summary?.resources ?? [];
  return {
    resources: resources.map((one) => ({
      name: one.name,
      type: typeOf(one),
      count: one.count,
      module: moduleOf(one),
      provider: providerOf(one),
    })),
    modules: countedBy(resources, moduleOf),
    providers: countedBy(resources, providerOf),
  };
}

const typeOf = ({ type, isData }: SummedResource): string => `${isData ? "data." : ""}${type}`;

const moduleOf = ({ module }: SummedResource): string =>
  module === "" ? "root" : module.replace(/(^|\.)module\./g, "$1");

const providerOf = ({ provider }: SummedResource): string => `provider[${JSON.stringify(provider)}]`;

/** `{"root": {"null-resource": 2}}`. */
function countedBy(resources: readonly SummedResource[], groupOf: (one: SummedResource) => string) {
  const groups = new Map<string, Map<string, number>>();
  for (const one of resources) {
    const group = groups.get(groupOf(one)) ?? new Map<string, number>();
    const type = typeOf(one).replaceAll("_", "-");
    groups.set(groupOf(one), group.set(type, (group.get(type) ?? 0) + one.count));
  }
  return Object.fromEntries([...groups].map(([name, group]) => [name, Object.fromEntries(group)]));
}

const outputId = ({ id }: Pick<StateVersion, "id">, key: string): string => toNamedId("wsout", id, key);

/** An output of a state; null stands for a value that is not shown. Numbers have the digits that the state has. */
export function toOutput(output: ShownOutput, state: Pick<StateVersion, "id">): Resource {
  const id = outputId(state, outputKey(output.name));
  return {
    type: "state-version-outputs",
    id,
    attributes: {
      name: output.name,
      sensitive: output.isSensitive,
      type: shortType(output),
      "detailed-type": readJson(output.typeJson),
      value: output.valueJson === null ? null : readJson(output.valueJson),
    },
    links: { self: `/api/v2/state-version-outputs/${id}` },
  };
}

/** The same as a part of a workspace. */
export function toWorkspaceOutput(output: ShownOutput, state: Pick<StateVersion, "id">): Resource {
  const { id, attributes } = toOutput(output, state);
  const { name, sensitive, type, value } = attributes;
  return { type: "workspace-outputs", id, attributes: { name, sensitive, "output-type": type, value } };
}

/** `array` for every kind of list, `object` for maps too. */
function shortType({ typeJson }: ShownOutput): string {
  const type = readJson(typeJson);
  if (typeof type === "string") return type;
  const kind = Array.isArray(type) ? type[0] : undefined;
  return kind === "map" || kind === "object" ? "object" : "array";
}
