import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { namedValues, shown, unnamedValues, unsetFields } from "../../../test/support/mapping.ts";
import { at, claimedJob, job, run } from "../../../test/support/store/rows.ts";
import type { RunView } from "../../control/runs/view.ts";
import { type KeptLost, lostNote } from "../../domain/runs/lost.ts";
import {
  HeldInStateSchema,
  JobStatusSchema,
  LogStateSchema,
  LostResourceSchema,
  RunEventSchema,
  RunPhaseSchema,
  RunPrioritySchema,
  RunSchema,
  RunSourceSchema,
  RunStateSchema,
  WaitingReasonSchema,
} from "../../gen/windlass/v1/run_pb.ts";
import type { HowHeld } from "../../lib/words/lost-resources.ts";
import {
  jobStatuses,
  logStates,
  phases,
  priorities,
  runStates,
  toChangeCounts,
  toListedRun,
  toLostResource,
  toRun,
  toRunEvent,
  toWatchedRun,
  waitingReasons,
} from "./run.ts";

const lost: KeptLost = {
  ...{ address: 'a.b["c"]', action: "create", provider: "aws", idKey: "id", id: "i-1", held: "absent" },
  ...{ finishedAt: "2026-01-02T03:04:09Z", isHidden: true },
};
const kept = {
  ...{ jobId: "job_2", epoch: 2, runId: "run_1", workspace: "network", reason: "a state is left", path: "/x" },
  ...{ sizeBytes: 4096, keptAtMs: at(8).getTime() },
};
const counts = { add: 1, change: 2, destroy: 3, import: 4, forget: 5, drift: 6, move: 7 };
const options = {
  ...{ isPlanOnly: true, isAutoApply: true, isDestroy: true, skipsRefresh: false, isRefreshOnly: true },
  ...{ targets: ["a.b"], replacements: ["a.c", "a.d"], excludes: ["a.e"], suppressesForgetErrors: true },
  ...{ variables: [{ key: "region", value: '"eu"', isHcl: true }], engineVersion: "1.12.6", allowsEmptyApply: true },
  ...{ parallelism: 3, queueTimeoutMs: 1_500, isSavedPlan: true, generatesConfiguration: true, isDebug: true },
};

const full: RunView = {
  run: run({
    ...{ status: "applying", options, message: "more room", hasChanges: true, plannedChanges: counts },
    ...{ appliedChanges: { ...counts, add: 9 }, planSha256: "e".repeat(64), decidedBy: "ann", decidedAt: at(2) },
    ...{ decisionComment: "go", cancelRequestedAt: at(3), canceledBy: "bob", source: "cli", urgency: 2 },
    ...{ retryOf: "run_0", errorMessage: "no disk", endedAt: at(4), version: 11, engine: "tofu" },
    ...{
      engineVersion: "1.12.6",
      lost: { resources: [lost], count: 21 },
      deniedBy: "post-plan.d/cost",
      warnings: ["look first"],
      hooks: [{ phase: "apply", name: "terraform-pre-apply", sha256: "f".repeat(64), exitCode: -1, summary: "# Cost" }],
    },
    resourcesInFlight: [{ address: "a.f", action: "delete", idKey: "id", id: "i-2", inState: "absent" }],
  }),
  ...{ workspaceName: "network", organizationName: "acme", resourcesDone: 12, stateVersionId: "sv_1" },
  plan: claimedJob({ status: "finished", startedAt: at(1), endedAt: at(2), isLogClosed: true, logBytes: 2 ** 40 }),
  apply: claimedJob({
    ...{ id: "job_2", phase: "apply", epoch: 2, exitCode: 1, errorMessage: "no disk", logBytes: 10, isLogClosed: true },
    logProblem: { kind: "not_sent", missingBytes: 5 },
  }),
  waiting: { reason: "resolution", detail: "somebody decides", blockingRunId: "run_2", queuePosition: 1, since: at(5) },
  isConfirmable: true,
  keptDirectories: [{ kept, agent: { id: "agent_1", name: "alpha" }, isUnwanted: true }],
};
const bare: RunView = {
  ...{ run: run(), workspaceName: "network", organizationName: "acme", resourcesDone: 0, stateVersionId: null },
  ...{ plan: null, apply: null, waiting: null, isConfirmable: false, keptDirectories: [] },
};

test.each([
  [RunStateSchema, runStates],
  [RunPhaseSchema, phases],
  [JobStatusSchema, jobStatuses],
  [WaitingReasonSchema, waitingReasons],
])("of %s each word has the value of its own name, and each value a word", (schema, table) => {
  const [unspecified = ""] = schema.values.map(({ name }) => name);
  const prefix = unspecified.replace("UNSPECIFIED", "");
  const own = Object.keys(table).map((word) => [word, `${prefix}${word.toUpperCase()}`]);
  expect(namedValues(schema, table)).toEqual(Object.fromEntries(own));
  expect(unnamedValues(schema, table)).toEqual([]);
});

test("it may be ended by force once it was asked to end and has had its time, as long as something of it runs", () => {
  const forcedAt = (view: Partial<RunView>) => {
    const { forceCancelTime } = toRun({ ...bare, run: run({ cancelRequestedAt: at(3) }), ...view });
    return forceCancelTime === undefined ? null : Number(forceCancelTime.seconds) * 1_000;
  };
  const second = (seconds: number) => Math.floor(at(seconds).getTime() / 1_000) * 1_000;
  const [plan, apply] = [claimedJob({ status: "started" }), claimedJob({ status: "started", phase: "apply" })];
  expect(forcedAt({ plan })).toBe(second(33));
  expect(forcedAt({ plan: claimedJob({ status: "finished" }), apply })).toBe(second(123));
  expect(forcedAt({ plan, run: run() })).toBeNull();
  expect(forcedAt({ plan: claimedJob({ status: "canceled" }) })).toBeNull();
});

test("the states of a log and the urgencies have values of other names", () => {
  expect(namedValues(LogStateSchema, logStates)).toEqual({
    ...{ none: "LOG_STATE_UNSPECIFIED", open: "LOG_STATE_OPEN", complete: "LOG_STATE_COMPLETE" },
    ...{ incomplete: "LOG_STATE_INCOMPLETE", mismatch: "LOG_STATE_MISMATCH" },
  });
  expect(namedValues(RunPrioritySchema, priorities)).toEqual({
    ...{ 0: "RUN_PRIORITY_HIGH", 1: "RUN_PRIORITY_NORMAL", 2: "RUN_PRIORITY_LOW" },
  });
  expect([...unnamedValues(LogStateSchema, logStates), ...unnamedValues(RunPrioritySchema, priorities)]).toEqual([]);
});

test("each way in which a state holds what was lost has its value, with the note that goes with it", () => {
  const held: Readonly<Record<HowHeld, string>> = {
    ...{ absent: "HELD_IN_STATE_ABSENT", other: "HELD_IN_STATE_OTHER_OBJECT", present: "HELD_IN_STATE_PRESENT" },
    unknown: "HELD_IN_STATE_UNKNOWN",
  };
  const isHeld = (word: string): word is HowHeld => word in held;
  for (const how of Object.keys(held).filter(isHeld)) {
    const { held: value = 0, note } = toLostResource({ ...lost, action: "delete", held: how });
    expect(HeldInStateSchema.value[value]?.name).toBe(held[how]);
    expect(note).toBe(lostNote({ action: "delete", held: how }));
  }
  expect(
    HeldInStateSchema.values
      .map(({ name }) => name)
      .slice(1)
      .toSorted(),
  ).toEqual(Object.values(held).toSorted());
});

test("each source is told", () => {
  const told = (["api", "cli", "browser", "tfe-api", "terraform"] as const).map(
    (source) => toRun({ ...bare, run: run({ source }) }).source ?? 0,
  );
  expect(told.map((value) => RunSourceSchema.value[value]?.name)).toEqual([
    ...["RUN_SOURCE_API", "RUN_SOURCE_CLI", "RUN_SOURCE_BROWSER", "RUN_SOURCE_TFE_API", "RUN_SOURCE_TERRAFORM"],
  ]);
  expect(unnamedValues(RunSourceSchema, Object.fromEntries(told.entries()))).toEqual([]);
});

test("a run is told with all that is known of it", () => {
  const changes = { change: 2, destroy: 3, imported: 4, forget: 5, drift: 6, moved: 7 };
  expect(shown(RunSchema, toRun(full))).toEqual({
    ...{
      id: "run_1",
      workspace: "network",
      organization: "acme",
      configurationVersionId: "cv_1",
      message: "more room",
    },
    ...{ state: "RUN_STATE_APPLYING", createdBy: "ci", hasChanges: true, planSha256: "e".repeat(64), decidedBy: "ann" },
    ...{ decisionComment: "go", canceledBy: "bob", source: "RUN_SOURCE_CLI", priority: "RUN_PRIORITY_LOW" },
    ...{ retryOf: "run_0", errorMessage: "no disk", etag: "11", engine: "tofu", engineVersion: "1.12.6" },
    ...{
      stateVersionId: "sv_1",
      deniedBy: "post-plan.d/cost",
      warnings: ["look first"],
      lostCount: 21,
      resourcesInFlight: ["a.f"],
      hooks: [
        {
          ...{ phase: "RUN_PHASE_APPLY", name: "terraform-pre-apply", sha256: "f".repeat(64), exitCode: -1 },
          summary: "# Cost",
        },
      ],
    },
    ...{ createTime: "2026-01-02T03:04:05.678Z", decideTime: "2026-01-02T03:04:07.678Z" },
    ...{ cancelRequestTime: "2026-01-02T03:04:08.678Z", endTime: "2026-01-02T03:04:09.678Z" },
    forceCancelTime: "2026-01-02T03:06:08.678Z",
    ...{ plannedChanges: { add: 1, ...changes }, appliedChanges: { add: 9, ...changes } },
    options: {
      ...{ planOnly: true, autoApply: true, destroy: true, refresh: true, refreshOnly: true, allowEmptyApply: true },
      ...{ targets: ["a.b"], replacements: ["a.c", "a.d"], excludes: ["a.e"], suppressForgetErrors: true },
      ...{ targetCount: 1, replacementCount: 2, excludeCount: 1, variableCount: 1, engineVersion: "1.12.6" },
      ...{ variables: [{ key: "region", value: '"eu"', hcl: true }], parallelism: 3, queueTimeout: "1.500s" },
      ...{ savePlan: true, generateConfiguration: true, debug: true },
    },
    inFlight: [
      {
        ...{ address: "a.f", action: "delete", idKey: "id", id: "i-2" },
        note: "the last state of the apply does not have it any more",
      },
    ],
    lost: [
      {
        ...{ address: 'a.b["c"]', action: "create", provider: "aws", idKey: "id", id: "i-1", hidden: true },
        ...{ held: "HELD_IN_STATE_ABSENT", finishTime: "2026-01-02T03:04:09Z" },
        note: "the last state does not have it: import it, or a plan makes it again",
      },
    ],
    confirmable: true,
    keptDirectories: [
      {
        ...{ jobId: "job_2", epoch: "2", runId: "run_1", workspace: "network", reason: "a state is left", path: "/x" },
        ...{ sizeBytes: "4096", keepTime: "2026-01-02T03:04:13.678Z", agentId: "agent_1", agent: "alpha" },
        removing: true,
      },
    ],
    plan: {
      ...{ jobId: "job_1", status: "JOB_STATUS_FINISHED", agentId: "agent_1", agentName: "alpha", epoch: "1" },
      ...{ logBytes: "1099511627776", logComplete: true, logState: "LOG_STATE_COMPLETE" },
      ...{ queueTime: "2026-01-02T03:04:05.678Z", startTime: "2026-01-02T03:04:06.678Z" },
      endTime: "2026-01-02T03:04:07.678Z",
    },
    apply: {
      ...{ jobId: "job_2", status: "JOB_STATUS_STARTED", agentId: "agent_1", agentName: "alpha", epoch: "2" },
      ...{ exitCode: 1, errorMessage: "no disk", resourcesDone: 12, logBytes: "10", logState: "LOG_STATE_INCOMPLETE" },
      logProblem: "the agent could not send the last 5 bytes of the log",
      queueTime: "2026-01-02T03:04:05.678Z",
    },
    waiting: {
      ...{ reason: "WAITING_REASON_RESOLUTION", detail: "somebody decides", blockingRunId: "run_2", queuePosition: 1 },
      sinceTime: "2026-01-02T03:04:10.678Z",
    },
  });
});

test("every field of a run has a source", () => {
  const phase = claimedJob({ startedAt: at(1), endedAt: at(2), exitCode: 1, errorMessage: "x", isLogClosed: true });
  const mixed = { ...full, apply: { ...phase, logBytes: 10 }, plan: full.apply };
  expect(unsetFields(RunSchema, toRun(full), toRun(mixed))).toEqual([
    // Of an apply only.
    "plan.resources_done",
  ]);
});

test("a run that has just begun says nothing that it does not know, and keeps what is no choice of its own", () => {
  expect(shown(RunSchema, toRun(bare))).toEqual({
    ...{ id: "run_1", workspace: "network", organization: "acme", configurationVersionId: "cv_1", createdBy: "ci" },
    ...{ state: "RUN_STATE_PENDING", source: "RUN_SOURCE_API", priority: "RUN_PRIORITY_NORMAL", etag: "1" },
    createTime: "2026-01-02T03:04:05.678Z",
    options: {
      ...{ autoApply: false, refresh: true, targets: ["null_resource.a"], targetCount: 1, variableCount: 1 },
      variables: [{ key: "a", value: "1" }],
    },
  });
});

test("a run tells neither where its plan lies nor what it was locked with", () => {
  const secrets = { planBlobKey: "secret-1", summaryBlobKey: "secret-2", planFilesBlobKey: "secret-3" };
  const row = run({ ...secrets, planLockFile: "secret-4", planFilesSha256: "secret-5" });
  const view = { ...full, run: row, plan: job({ tokenHash: "secret-6", incarnation: "secret-7" }) };
  expect(JSON.stringify(shown(RunSchema, toRun(view)))).not.toContain("secret");
});

test("of lost resources a run tells twenty, and how many they are", () => {
  const resources = Array.from({ length: 25 }, (_, n) => ({ ...lost, address: `a.b${n}` }));
  const told = create(RunSchema, toRun({ ...bare, run: run({ lost: { resources, count: 30 } }) }));
  expect([told.lost.length, told.lost[19]?.address, told.lostCount]).toEqual([20, "a.b19", 30]);
});

test("a run of an older version, which has addresses alone and fewer counts, is told all the same", () => {
  const older = run({ resourcesInFlight: ["a.b"], plannedChanges: { add: 1, change: 0, destroy: 0, import: 0 } });
  const told = shown(RunSchema, toRun({ ...bare, run: older }));
  expect(told).toMatchObject({
    inFlight: [{ address: "a.b" }],
    resourcesInFlight: ["a.b"],
    plannedChanges: { add: 1 },
  });
  expect(toChangeCounts({ add: 0, change: 0, destroy: 0, import: 0 })).toEqual({
    ...{ add: 0, change: 0, destroy: 0, imported: 0, forget: 0, drift: 0, moved: 0 },
  });
});

test("a lost resource without a time has none", () => {
  expect(unsetFields(LostResourceSchema, toLostResource({ ...lost, finishedAt: "" }))).toEqual(["finish_time"]);
});

const large = ["targets", "replacements", "excludes", "variables"] as const;

test("in a list a run is short: what can be large is left out, and how much it was is told", () => {
  const { options: short, ...listed } = create(RunSchema, toListedRun(full));
  expect(large.map((name) => short?.[name].length)).toEqual([0, 0, 0, 0]);
  expect([short?.targetCount, short?.replacementCount, short?.excludeCount, short?.variableCount]).toEqual([
    1, 2, 1, 1,
  ]);
  expect([listed.lost, listed.inFlight, listed.resourcesInFlight, listed.warnings, listed.keptDirectories]).toEqual([
    ...[[], [], [], [], []],
  ]);
  const { message, lostCount, plan } = listed;
  expect([message, lostCount, plan?.jobId]).toEqual(["more room", 21, "job_1"]);
});

test("to somebody who watches it a run tells everything but what was asked of it", () => {
  const { options: short, ...watched } = create(RunSchema, toWatchedRun(full));
  const { options: whole, ...all } = create(RunSchema, toRun(full));
  expect(watched).toEqual(all);
  expect(short).toEqual({ ...whole, targets: [], replacements: [], excludes: [], variables: [] });
});

test("an event tells the state that the run came into, or none if it stayed", () => {
  const event = { runId: "run_1", position: 3, at: at(0), actor: "ann", title: "confirmed", comment: "go" } as const;
  const message = toRunEvent({ ...event, status: "apply_queued" });
  expect(shown(RunEventSchema, message)).toEqual({
    ...{ time: "2026-01-02T03:04:05.678Z", actor: "ann", state: "RUN_STATE_APPLY_QUEUED", title: "confirmed" },
    comment: "go",
  });
  expect(unsetFields(RunEventSchema, message)).toEqual([]);
  expect(unsetFields(RunEventSchema, toRunEvent({ ...event, status: null }))).toEqual(["state"]);
});
