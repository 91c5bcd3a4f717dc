import { create, fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  changesByField,
  fixedFields,
  namedValues,
  shown,
  unknownValue,
  unnamedValues,
  unsetFields,
} from "../../../test/support/mapping.ts";
import { at, workspace } from "../../../test/support/store/rows.ts";
import type { WorkspaceView } from "../../control/workspaces/view.ts";
import { EngineSchema, ExecutionModeSchema, WorkspaceSchema } from "../../gen/windlass/v1/workspace_pb.ts";
import { WorkspaceLossesSchema } from "../../gen/windlass/v1/workspace_service_pb.ts";
import {
  engines,
  fromEngine,
  fromMode,
  fromWorkspace,
  modes,
  toLosses,
  toWorkspace,
  workspaceFields,
} from "./workspace.ts";

const row = workspace({
  ...{ description: "of the plant", poolId: "apool_1", engine: "tofu", engineVersion: "~> 1.12", isAutoApply: true },
  ...{ workingDirectory: "live", tags: ["a", "b"], agentSelector: "zone=a", sharesState: true, parallelism: 4 },
  ...{ planTimeoutMs: 1, applyTimeoutMs: 90_500, initTimeoutMs: 604_800_000, currentStateId: "sv_1", version: 7 },
  ...{ lock: { kind: "run", runId: "run_1", at: at(3) }, updatedAt: at(1) },
  ...{ inheritsExecutionMode: true, allowsDestroy: false, tagBindings: { team: "net" } },
  ...{ sourceName: "terraform", sourceUrl: "https://example.com" },
});
const bare: WorkspaceView = {
  ...{ workspace: workspace({ executionMode: "remote" }), organizationName: "acme", poolName: "", currentRunId: null },
  ...{ currentRunStatus: null, holderStatus: null, consumers: [], queuedRuns: 0, allowsForceDelete: true },
};
const full: WorkspaceView = {
  ...{
    workspace: row,
    organizationName: "acme",
    poolName: "prod",
    currentRunId: "run_1",
    currentRunStatus: "applying",
    holderStatus: "applying",
  },
  ...{ consumers: ["dns"], queuedRuns: 2, allowsForceDelete: true },
};
/** A workspace as another version would send it. */
const newer = fromJson(WorkspaceSchema, { executionMode: unknownValue, engine: unknownValue });

test("each mode and each engine has its value and is read from it again", () => {
  expect(namedValues(ExecutionModeSchema, modes)).toEqual({
    ...{ remote: "EXECUTION_MODE_REMOTE", agent: "EXECUTION_MODE_AGENT", local: "EXECUTION_MODE_LOCAL" },
  });
  expect(namedValues(EngineSchema, engines)).toEqual({ terraform: "ENGINE_TERRAFORM", tofu: "ENGINE_TOFU" });
  expect([...unnamedValues(ExecutionModeSchema, modes), ...unnamedValues(EngineSchema, engines)]).toEqual([]);
  for (const [mode, value] of Object.entries(modes)) expect(fromMode(value)).toBe(mode);
  for (const [engine, value] of Object.entries(engines)) expect(fromEngine(value)).toBe(engine);
});

test.each([create(WorkspaceSchema), newer])("what is unspecified or not known is remote, and terraform", (message) => {
  expect([fromMode(message.executionMode), fromEngine(message.engine)]).toEqual(["remote", "terraform"]);
});

test("a workspace is told with its settings, its lock and what holds it", () => {
  expect(shown(WorkspaceSchema, toWorkspace(full))).toEqual({
    ...{ id: "ws_1", name: "network", organization: "acme", description: "of the plant", agentPool: "prod" },
    ...{ executionMode: "EXECUTION_MODE_AGENT", engine: "ENGINE_TOFU", engineVersion: "~> 1.12", autoApply: true },
    ...{ workingDirectory: "live", tags: ["a", "b"], agentSelector: "zone=a", parallelism: 4, queuedRuns: 2 },
    ...{ planTimeout: "0.001s", applyTimeout: "90.500s", initTimeout: "604800s", sharesStateWithOrganization: true },
    ...{ inheritsExecutionMode: true, refusesDestroy: true, tagBindings: { team: "net" } },
    ...{ sourceName: "terraform", sourceUrl: "https://example.com" },
    ...{ currentRunState: "RUN_STATE_APPLYING" },
    ...{ currentRunId: "run_1", currentStateVersionId: "sv_1", remoteStateConsumers: ["dns"], etag: "7" },
    ...{ createTime: "2026-01-02T03:04:05.678Z", updateTime: "2026-01-02T03:04:06.678Z" },
    lock: {
      ...{ holder: "run_1", runId: "run_1", runState: "RUN_STATE_APPLYING", sinceTime: "2026-01-02T03:04:08.678Z" },
    },
  });
  // A person's reason has no room beside a run.
  expect(unsetFields(WorkspaceSchema, toWorkspace(full))).toEqual(["lock.reason"]);
});

test("a workspace with nothing but its name says nothing else: no limit is none of 0 seconds", () => {
  expect(shown(WorkspaceSchema, toWorkspace(bare))).toEqual({
    ...{ id: "ws_1", name: "network", organization: "acme", executionMode: "EXECUTION_MODE_REMOTE", etag: "1" },
    ...{ engine: "ENGINE_TERRAFORM", createTime: "2026-01-02T03:04:05.678Z", updateTime: "2026-01-02T03:04:05.678Z" },
  });
});

test("a person's lock tells who and why; a lock of a run that is gone tells no state", () => {
  const lockOf = (lock: NonNullable<typeof row.lock>) =>
    toWorkspace({ ...bare, workspace: workspace({ lock }) }).lock ?? {};
  expect(lockOf({ kind: "person", by: "ann", reason: "maintenance", at: at(0) })).toMatchObject({
    ...{ holder: "ann", reason: "maintenance" },
  });
  expect(Object.keys(lockOf({ kind: "person", by: "ann", reason: "", at: at(0) }))).not.toContain("runId");
  expect(lockOf({ kind: "run", runId: "run_1", at: at(0) })).toMatchObject({ holder: "run_1", runState: 0 });
});

test("what a deletion loses is told number by number", () => {
  const losses = { ...{ stateVersions: 1, resources: 2, runs: 3, variables: 4 }, configurationVersions: 5 };
  const message = toLosses({ ...losses, unreadReason: "it is encrypted" });
  expect(shown(WorkspaceLossesSchema, message)).toEqual({ ...losses, unreadReason: "it is encrypted" });
  expect(unsetFields(WorkspaceLossesSchema, message)).toEqual([]);
});

const settings: MessageInitShape<typeof WorkspaceSchema> = {
  ...toWorkspace(full),
  // What only the server says: none of it may come back.
  ...{ id: "ws_9", organization: "other", currentRunId: "run_9", queuedRuns: 9, etag: "9" },
};

test("the settings of a new workspace are those of the message, and nothing of what only the server says", () => {
  expect(fromWorkspace(create(WorkspaceSchema, settings))).toEqual({
    ...{ name: "network", description: "of the plant", executionMode: "agent", pool: "prod", engine: "tofu" },
    ...{ engineVersion: "~> 1.12", workingDirectory: "live", isAutoApply: true, tags: ["a", "b"] },
    ...{ agentSelector: "zone=a", planTimeoutMs: 1, applyTimeoutMs: 90_500, initTimeoutMs: 604_800_000 },
    ...{ consumers: ["dns"], sharesState: true, parallelism: 4, inheritsExecutionMode: true, allowsDestroy: false },
    ...{ tagBindings: { team: "net" }, sourceName: "terraform", sourceUrl: "https://example.com", keptAttributes: {} },
  });
});

test("a new workspace that names neither mode nor engine leaves both to its organization", () => {
  const { executionMode, engine, planTimeoutMs } = fromWorkspace(create(WorkspaceSchema, { name: "network" }));
  expect([executionMode, engine, planTimeoutMs]).toEqual([null, null, 0]);
  const { executionMode: mode, engine: program } = fromWorkspace(newer);
  expect([mode, program]).toEqual(["remote", "terraform"]);
});

test.each(["planTimeout", "applyTimeout", "initTimeout"] as const)(
  "the shortest %s is a limit of a millisecond, and not the server's",
  (name) => {
    const read = fromWorkspace(create(WorkspaceSchema, { [name]: { seconds: 0n, nanos: 1 } }));
    expect(read[`${name}Ms`]).toBe(1);
  },
);

test("an update reads exactly the field that it names, as the settings of a new workspace would", () => {
  const message = create(WorkspaceSchema, settings);
  const changes = changesByField(workspaceFields, message);
  expect(Object.assign({ keptAttributes: {} }, ...Object.values(changes))).toEqual(fromWorkspace(message));
  expect(Object.values(changes).map((change) => Object.keys(change).length)).toEqual(Array(21).fill(1));
  expect(changes).toMatchObject({ plan_timeout: { planTimeoutMs: 1 }, apply_timeout: { applyTimeoutMs: 90_500 } });
  expect(changes).toMatchObject({ init_timeout: { initTimeoutMs: 604_800_000 }, agent_pool: { pool: "prod" } });
  expect(changes).toMatchObject({ engine: { engine: "tofu" }, engine_version: { engineVersion: "~> 1.12" } });
  expect(fixedFields(WorkspaceSchema, workspaceFields)).toEqual([
    ...["id", "organization", "lock", "current_run_id", "current_state_version_id", "create_time", "update_time"],
    ...["etag", "queued_runs", "current_run_state"],
  ]);
});

test("an update that names a mode or an engine and gives none sets remote, and terraform", () => {
  const { execution_mode, engine, plan_timeout } = changesByField(workspaceFields, create(WorkspaceSchema));
  expect([execution_mode, engine, plan_timeout]).toEqual([
    ...[{ executionMode: "remote" }, { engine: "terraform" }, { planTimeoutMs: 0 }],
  ]);
});

test("limits come back as they were told, to the millisecond", () => {
  const ms = fc.integer({ min: 0, max: 604_800_000 });
  fc.assert(
    fc.property(ms, ms, ms, (planTimeoutMs, applyTimeoutMs, initTimeoutMs) => {
      const limits = { planTimeoutMs, applyTimeoutMs, initTimeoutMs };
      const told = create(WorkspaceSchema, toWorkspace({ ...bare, workspace: workspace(limits) }));
      expect(fromWorkspace(told)).toMatchObject(limits);
      expect(told.planTimeout).toEqual(planTimeoutMs === 0 ? undefined : durationFromMs(planTimeoutMs));
    }),
  );
});
