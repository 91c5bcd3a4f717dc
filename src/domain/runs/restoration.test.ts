import { describe, expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { job, run } from "../../../test/support/store/rows.ts";
import { type Job, type JobPhase, type JobStatus, moveJob } from "./job.ts";
import { awaitsClaim, epochJump, fenceJob, fenceRun } from "./restoration.ts";
import { moveRun, type Run, type RunStatus } from "./run.ts";

const backupAt = new Date("2026-01-01T00:00:00Z");
const now = new Date("2026-01-02T00:00:00Z");
const at = { now, backupAt };
const leases = { offerMs: 1, planMs: 1, applyMs: 1 };

const jobStatuses: readonly JobStatus[] = [
  "queued",
  "offered",
  "started",
  "finished",
  "errored",
  "canceled",
  "interrupted",
];
const runStatuses: readonly RunStatus[] = [
  "pending",
  "plan_queued",
  "planning",
  "planned",
  "planned_and_finished",
  "apply_queued",
  "applying",
  "applied",
  "discarded",
  "errored",
  "canceled",
  "force_canceled",
];

const jobIn = (phase: JobPhase, status: JobStatus): Job => {
  const isStarted = status !== "queued" && status !== "offered";
  const claim = { epoch: 3, agentId: "agent_1", agentName: "vm-1", tokenHash: "hash" } as const;
  return job({
    ...{ phase, status, queuedAt: backupAt, leaseUntil: backupAt, isLogClosed: status === "finished" },
    ...(isStarted ? { attempt: 1, incarnation: "disk" } : {}),
    ...(status === "queued" ? {} : claim),
  });
};

const runIn = (status: RunStatus): Run =>
  run({ status, options: plainOptions, createdBy: "ann", createdAt: backupAt, statusAt: backupAt });

describe("a job of a backup", () => {
  test("becomes what the table says", () => {
    const rows = (["plan", "apply"] as const).flatMap((phase) =>
      jobStatuses.map((status) => {
        const { status: to, epoch, agentId, tokenHash, isLogClosed } = fenceJob(jobIn(phase, status), at);
        const claim = agentId === null ? "no claim" : `epoch ${epoch}, ${tokenHash === null ? "no token" : "token"}`;
        return `${phase} ${status} → ${to}, ${claim}, log ${isLogClosed ? "closed" : "open"}`;
      }),
    );
    expect(rows).toMatchInlineSnapshot(`
      [
        "plan queued → errored, no claim, log closed",
        "plan offered → errored, no claim, log closed",
        "plan started → errored, epoch 3, no token, log open",
        "plan finished → finished, epoch 3, no token, log closed",
        "plan errored → errored, epoch 3, no token, log open",
        "plan canceled → canceled, epoch 3, no token, log open",
        "plan interrupted → interrupted, epoch 3, token, log open",
        "apply queued → interrupted, no claim, log open",
        "apply offered → interrupted, no claim, log open",
        "apply started → interrupted, epoch 3, token, log open",
        "apply finished → finished, epoch 3, no token, log closed",
        "apply errored → errored, epoch 3, no token, log open",
        "apply canceled → canceled, epoch 3, no token, log open",
        "apply interrupted → interrupted, epoch 3, token, log open",
      ]
    `);
  });

  test("can never be offered or started again, whatever comes", () => {
    for (const phase of ["plan", "apply"] as const) {
      for (const status of jobStatuses) {
        const job = fenceJob(jobIn(phase, status), at);
        const offer = { kind: "offered", agentId: "agent_2", agentName: "vm-2", tokenHash: "other" } as const;
        expect(moveJob(job, offer, { now, leases }).kind).toBe("refused");
        expect(moveJob(job, { kind: "started", incarnation: "disk" }, { now, leases }).kind).toBe("refused");
      }
    }
  });

  test("that was only queued or offered waits for whoever has executed it, if it is an apply", () => {
    const waiting = (["plan", "apply"] as const).flatMap((phase) =>
      jobStatuses.filter((status) => awaitsClaim(fenceJob(jobIn(phase, status), at))).map((status) => [phase, status]),
    );
    expect(waiting).toEqual([
      ["apply", "queued"],
      ["apply", "offered"],
    ]);
    expect(fenceJob(jobIn("plan", "offered"), at).epoch).toBe(3 + epochJump);
  });
});

describe("a run of a backup", () => {
  test("has ended, and takes no event any more", () => {
    for (const status of runStatuses) {
      const run = fenceRun(runIn(status), true, at);
      expect(moveRun(run, { kind: "confirmed", by: "ann", comment: "" }, now).kind).toBe("refused");
      expect(moveRun(run, { kind: "workspace_acquired" }, now).kind).toBe("refused");
      expect(moveRun(run, { kind: "job_started", phase: "apply" }, now).kind).toBe("refused");
    }
  });

  test("that was final stays as it was", () => {
    for (const status of ["applied", "discarded", "planned_and_finished"] as const) {
      expect(fenceRun(runIn(status), false, at)).toEqual(runIn(status));
    }
  });

  test("says from when the backup is, and what to do", () => {
    expect(fenceRun(runIn("apply_queued"), true, at)).toMatchObject({
      status: "errored",
      endedAt: now,
      errorMessage: expect.stringMatching(/backup of 2026-01-01.*apply queued.*stays locked.*run resolve/),
    });
    expect(fenceRun(runIn("pending"), false, at).errorMessage).toMatch(/start it again$/);
  });
});
