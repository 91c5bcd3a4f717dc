import { create, fromJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { unknownValue } from "../../../test/support/mapping.ts";
import { at, run } from "../../../test/support/store/rows.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { RunOptions } from "../../domain/runs/run.ts";
import {
  RunOptionsSchema,
  RunPhase,
  RunPriority,
  RunSchema,
  RunSource,
  RunState,
} from "../../gen/windlass/v1/run_pb.ts";
import {
  CreateRunRequestSchema,
  ListRunsRequestSchema,
  ResolveRunRequestSchema,
  RunResolution,
  StreamRunLogsRequestSchema,
} from "../../gen/windlass/v1/run_service_pb.ts";
import {
  fromListRuns,
  fromPhase,
  fromPriority,
  fromResolution,
  fromRunOptions,
  priorities,
  runStates,
  sourceOf,
  toRun,
} from "./run.ts";

const newer = {
  phase: fromJson(StreamRunLogsRequestSchema, { phase: unknownValue }).phase,
  priority: fromJson(CreateRunRequestSchema, { priority: unknownValue }).priority,
  resolution: fromJson(ResolveRunRequestSchema, { resolution: unknownValue }).resolution,
};

test("each priority is the urgency that it was told as; without one, or with an unknown one, it is normal", () => {
  for (const [urgency, priority] of Object.entries(priorities)) expect(fromPriority(priority)).toBe(Number(urgency));
  expect([RunPriority.UNSPECIFIED, newer.priority].map(fromPriority)).toEqual([1, 1]);
});

test("what validation lets through of phases and decisions is told apart, and what is not known does the least", () => {
  expect([RunPhase.PLAN, RunPhase.APPLY, newer.phase].map(fromPhase)).toEqual(["plan", "apply", "plan"]);
  const { WAIT, ACCEPT_SNAPSHOT, UNLOCK } = RunResolution;
  expect([WAIT, ACCEPT_SNAPSHOT, UNLOCK, newer.resolution].map(fromResolution)).toEqual([
    ...["wait", "accept_snapshot", "unlock", "wait"],
  ]);
});

const person: Person = {
  ...{ kind: "api_key", id: "key_1", name: "ana", role: "operator", organizationId: null },
};

test.each([
  ["windlass/0.1.0", "cli"],
  ["windlass/", "cli"],
  ["connect-es/2.2.0 windlass/0.1.0", "api"],
  ["windlass-agent/0.1.0", "api"],
  ["Windlass/0.1.0", "api"],
  [undefined, "api"],
])("a call of %j comes from %s", (agent, source) => {
  const headers = new Headers(agent === undefined ? {} : { "user-agent": agent });
  expect(sourceOf(person, headers)).toBe(source);
  expect(sourceOf({ ...person, browserSessionId: "5c9a0a7f" }, headers)).toBe("browser");
});

test("a list request that says nothing wants everything", () => {
  expect(fromListRuns(create(ListRunsRequestSchema))).toEqual({
    ...{ organization: "", workspace: "", statuses: null, search: "", createdFrom: null, createdBefore: null },
    ...{ pool: "", tags: [], isActive: false, agentId: "", needsDecision: false },
    sources: null,
  });
});

test("each condition of a list request is its own", () => {
  const request = create(ListRunsRequestSchema, {
    ...{ organization: "acme", workspace: "network", states: [RunState.APPLIED, RunState.PENDING], search: "vpc" },
    ...{ createdAfter: timestampFromDate(at(1)), createdBefore: timestampFromDate(at(2)), agentPool: "prod" },
    ...{
      tags: ["a"],
      active: true,
      agentId: "agent_1",
      needsDecision: true,
      sources: [RunSource.BROWSER, RunSource.API],
      pageSize: 7,
      pageToken: "x",
    },
  });
  expect(fromListRuns(request)).toEqual({
    ...{ organization: "acme", workspace: "network", statuses: ["pending", "applied"], search: "vpc" },
    ...{ createdFrom: at(1), createdBefore: at(2), pool: "prod", tags: ["a"], isActive: true, agentId: "agent_1" },
    ...{ needsDecision: true, sources: ["api", "browser"] },
  });
});

test("every state can be asked for; one that is not known asks for none", () => {
  const statusesOf = (states: readonly (number | RunState)[]) =>
    fromListRuns(fromJson(ListRunsRequestSchema, { states: [...states] })).statuses;
  for (const [status, state] of Object.entries(runStates)) expect(statusesOf([state])).toEqual([status]);
  expect(statusesOf([unknownValue, RunState.APPLIED, RunState.APPLIED])).toEqual(["applied"]);
});

test("a run without options has their defaults: it refreshes, and the workspace says whether it applies itself", () => {
  const defaults = {
    ...{ isPlanOnly: false, isAutoApply: undefined, isDestroy: false, skipsRefresh: false, isRefreshOnly: false },
    ...{ targets: [], replacements: [], excludes: [], suppressesForgetErrors: false, variables: [] },
    ...{ engineVersion: "", allowsEmptyApply: false, parallelism: 0, queueTimeoutMs: undefined },
    ...{ isSavedPlan: false, generatesConfiguration: false, isDebug: false },
  };
  expect(fromRunOptions(undefined)).toStrictEqual(defaults);
  expect(fromRunOptions(create(RunOptionsSchema))).toStrictEqual(defaults);
});

test.each([
  [{ autoApply: false }, { isAutoApply: false }],
  [{ autoApply: true }, { isAutoApply: true }],
  [{ refresh: false }, { skipsRefresh: true }],
  [{ refresh: true }, { skipsRefresh: false }],
  [{ queueTimeout: "0s" }, { queueTimeoutMs: 0 }],
  [{ queueTimeout: "0.000000001s" }, { queueTimeoutMs: 1 }],
  [{ queueTimeout: "2592000s" }, { queueTimeoutMs: 2_592_000_000 }],
  [
    { variables: [{ key: "__proto__", value: "é\u2028", hcl: true }] },
    { variables: [{ key: "__proto__", value: "é\u2028", isHcl: true }] },
  ],
  // Counts are what only the server says.
  [
    { targetCount: 9, excludeCount: 9 },
    { targets: [], excludes: [] },
  ],
])("the option %j is %j", (given, read) => {
  expect(fromRunOptions(fromJson(RunOptionsSchema, given))).toMatchObject(read);
});

const texts = fc.array(fc.string(), { maxLength: 3 });
const variables = fc.array(fc.record({ key: fc.string(), value: fc.string(), isHcl: fc.boolean() }), { maxLength: 3 });
const flags = {
  ...{ isPlanOnly: fc.boolean(), isAutoApply: fc.boolean(), isDestroy: fc.boolean(), skipsRefresh: fc.boolean() },
  ...{ isSavedPlan: fc.boolean(), generatesConfiguration: fc.boolean(), isDebug: fc.boolean() },
  ...{ isRefreshOnly: fc.boolean(), suppressesForgetErrors: fc.boolean(), allowsEmptyApply: fc.boolean() },
};
const anyOptions: fc.Arbitrary<RunOptions> = fc.record({
  ...flags,
  ...{ targets: texts, replacements: texts, excludes: texts, variables },
  ...{ engineVersion: fc.string(), parallelism: fc.nat(), queueTimeoutMs: fc.integer({ min: 0, max: 2_592_000_000 }) },
});

test("the options of a run that is repeated are those that it was told with", () => {
  fc.assert(
    fc.property(anyOptions, (options) => {
      const view = { workspaceName: "", organizationName: "", plan: null, apply: null, waiting: null };
      const message = toRun({
        ...view,
        run: run({ options }),
        resourcesDone: 0,
        stateVersionId: null,
        isConfirmable: true,
        keptDirectories: [],
      });
      expect(fromRunOptions(create(RunSchema, message).options)).toEqual(options);
    }),
  );
});
