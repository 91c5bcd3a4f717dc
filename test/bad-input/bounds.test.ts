import { type DescField, type DescMessage, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type FieldRules, field as fieldRules } from "../../src/gen/buf/validate/validate_pb.ts";
import { ours } from "./bench.ts";

const rulesOf = (field: DescField): FieldRules | undefined =>
  hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;

/** Whether a rule says how long a text may be: by a length, a pattern with an end, or what it may be at all. */
function isBoundedText(rules: FieldRules | undefined, scalar: ScalarType): boolean {
  if (rules?.type.case === "string" && scalar === ScalarType.STRING) {
    const { maxLen, maxBytes, len, lenBytes, pattern, in: values, wellKnown } = rules.type.value;
    const hasEnd = pattern !== "" && !/[*+]|\{\d+,\}/.test(pattern.replaceAll(/\\.|\[[^\]]*\]/g, "x"));
    return maxLen + maxBytes + len + lenBytes > 0n || hasEnd || values.length > 0 || wellKnown.case !== undefined;
  }
  if (rules?.type.case === "bytes" && scalar === ScalarType.BYTES)
    return rules.type.value.maxLen + rules.type.value.len > 0n;
  return false;
}

const isText = (scalar: ScalarType): boolean => scalar === ScalarType.STRING || scalar === ScalarType.BYTES;

/** Fields of a message, and of those in it, that nothing in the proto files bounds. */
function unbounded(message: DescMessage, path: string, seen: ReadonlySet<DescMessage> = new Set()): readonly string[] {
  if (seen.has(message) || message.typeName.startsWith("google.")) return [];
  const inside = new Set([...seen, message]);
  return message.fields.flatMap((field): readonly string[] => {
    const rules = rulesOf(field);
    const here = `${path}.${field.name}`;
    switch (field.fieldKind) {
      case "scalar":
        return !isText(field.scalar) || isBoundedText(rules, field.scalar) ? [] : [here];
      case "message":
        return unbounded(field.message, here, inside);
      case "enum":
        return [];
      case "list": {
        const list = rules?.type.case === "repeated" ? rules.type.value : undefined;
        const isBounded = (list?.maxItems ?? 0n) > 0n || list?.items?.type.case === "enum";
        const own = isBounded ? [] : [`${here}[]`];
        if (field.listKind === "message") return [...own, ...unbounded(field.message, here, inside)];
        if (field.listKind === "enum" || !isText(field.scalar)) return own;
        return isBoundedText(list?.items, field.scalar) ? own : [...own, `${here}[*]`];
      }
      case "map": {
        const map = rules?.type.case === "map" ? rules.type.value : undefined;
        return (map?.maxPairs ?? 0n) > 0n ? [] : [`${here}{}`];
      }
      default:
        throw new Error(`${here} is of a kind that this test does not know`);
    }
  });
}

/** What a resource in a request says of itself is for answers, and nobody reads it: the size of the request bounds it. */
test("the proto files bound every text, list and map of every request, but what only answers say", () => {
  const found = ours.flatMap(({ method }) => unbounded(method.input, method.name));
  expect([...new Set(found)]).toMatchInlineSnapshot(`
    [
      "UpdateOrganization.changes.id",
      "UpdateOrganization.changes.etag",
      "UpdateAgentPool.changes.id",
      "UpdateAgentPool.changes.organization",
      "UpdateAgentPool.changes.granted_workspaces[]",
      "UpdateAgentPool.changes.granted_workspaces[*]",
      "UpdateAgentPool.changes.assigned_workspaces[]",
      "UpdateAgentPool.changes.assigned_workspaces[*]",
      "UpdateAgentPool.changes.etag",
      "UpdateAgentPool.changes.update.previous_target_version",
      "UpdateAgentPool.changes.update.newest_version",
      "UpdateProviderSettings.changes.organization",
      "UpdateProviderSettings.changes.agent_pool",
      "UpdateProviderSettings.changes.warnings[]",
      "UpdateProviderSettings.changes.warnings[*]",
      "UpdateProviderSettings.changes.etag",
      "CreateWorkspace.workspace.id",
      "CreateWorkspace.workspace.organization",
      "CreateWorkspace.workspace.lock.holder",
      "CreateWorkspace.workspace.lock.run_id",
      "CreateWorkspace.workspace.lock.reason",
      "CreateWorkspace.workspace.current_run_id",
      "CreateWorkspace.workspace.current_state_version_id",
      "CreateWorkspace.workspace.etag",
      "UpdateWorkspace.changes.id",
      "UpdateWorkspace.changes.organization",
      "UpdateWorkspace.changes.lock.holder",
      "UpdateWorkspace.changes.lock.run_id",
      "UpdateWorkspace.changes.lock.reason",
      "UpdateWorkspace.changes.current_run_id",
      "UpdateWorkspace.changes.current_state_version_id",
      "UpdateWorkspace.changes.etag",
      "SetVariables.variables.id",
      "CreateVariableSet.variable_set.id",
      "CreateVariableSet.variable_set.organization",
      "CreateVariableSet.variable_set.workspaces[]",
      "CreateVariableSet.variable_set.workspaces[*]",
      "CreateVariableSet.variable_set.etag",
      "UpdateVariableSet.changes.id",
      "UpdateVariableSet.changes.organization",
      "UpdateVariableSet.changes.workspaces[]",
      "UpdateVariableSet.changes.workspaces[*]",
      "UpdateVariableSet.changes.etag",
    ]
  `);
});

/** Texts and lists in answers that are no page of a list, by method. */
function listsOf(message: DescMessage): readonly string[] {
  const isPage = message.fields.some(({ name }) => name === "next_page_token");
  return message.fields
    .filter(({ fieldKind }) => fieldKind === "list" || fieldKind === "map")
    .flatMap(({ name }) => (isPage ? [] : [name]));
}

/** What bounds each list in an answer that is no page. A new one has to say it here. */
const boundedBy: Readonly<Record<string, string>> = {
  "FindIds.ids": "20",
  "GetAgentPoolHistory.minutes": "60",
  "GetAgentPoolOverview.active_runs": "200 of each list",
  "GetAgentPoolOverview.agent_tokens": "200 of each list",
  "GetAgentPoolOverview.agents": "200 of each list, and the characters of a page",
  "GetAgentPoolOverview.queued_jobs": "200 of each list",
  "GetAttention.attention": "one of each kind, each with at most the first of the limit",
  "GetProviders.hosts": "the rules of UpdateProviderSettings, of an organization and a pool",
  "GetProviders.sources": "the rules of UpdateProviderSettings, of an organization and a pool",
  "GetRunLogLines.times": "1,000",
  "GetServerInfo.limits": "as many as the server has",
  "GetServerInfo.retention": "as many as there are kinds of what is kept",
  "GetVariables.hidden": "512 KiB",
  "GetVariables.variables": "3 MiB with the run's own",
  "ListReplicas.replicas": "100",
  "SetVariables.variables": "1,000 and 2 MiB of a workspace",
  "StreamRunLogs.times": "1,000",
  "WatchAgents.agents": "1,000, in messages of the bytes of a page",
  "WatchAgents.gone_agent_ids": "those that were sent before",
  "WatchEvents.events": "50, in messages of the bytes of a page",
  "WhoAmI.organizations": "1,000",
  "WhoAmI.permissions": "as many as there are",
};

test("every list in an answer is a page of a list, or says what bounds it", () => {
  const lists = ours.flatMap(({ method }) => listsOf(method.output).map((name) => `${method.name}.${name}`));
  expect([...new Set(lists)].toSorted()).toEqual(Object.keys(boundedBy).toSorted());
});
