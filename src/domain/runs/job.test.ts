import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { job } from "../../../test/support/store/rows.ts";
import { isEnded, type Job, type JobEvent, type JobStatus, moveJob, newestOf } from "./job.ts";

const now = new Date("2026-01-01T00:00:00Z");
const at = { now, leases: { offerMs: 60_000, planMs: 120_000, applyMs: 600_000 } };

const jobIn = (status: JobStatus, change: Partial<Job> = {}): Job => ({
  ...job({ status, queuedAt: now, leaseUntil: now, attempt: status === "started" ? 1 : 0 }),
  ...(status === "queued" ? {} : { epoch: 1, agentId: "agent_1", agentName: "vm-1" }),
  incarnation: status === "started" ? "disk-1" : null,
  ...change,
});

const end = (outcome: "finished" | "errored" | "canceled"): JobEvent => ({
  kind: "ended",
  outcome,
  exitCode: 0,
  errorMessage: "",
  logBytes: 1,
  stateSerial: null,
});

const events: Readonly<Record<string, JobEvent>> = {
  offered: { kind: "offered", agentId: "agent_2", agentName: "vm-2", tokenHash: "h" },
  declined: { kind: "declined" },
  "started (same disk)": { kind: "started", incarnation: "disk-1" },
  "started (other disk)": { kind: "started", incarnation: "disk-2" },
  "cancel requested": { kind: "cancel_requested", mode: "cancel" },
  "force requested": { kind: "cancel_requested", mode: "force" },
  "lease expired": { kind: "lease_expired" },
  finished: end("finished"),
  errored: end("errored"),
  "errored (not applied)": { ...end("errored"), hasNotApplied: true } as JobEvent,
  canceled: end("canceled"),
};

const statuses: readonly JobStatus[] = [
  "queued",
  "offered",
  "started",
  "finished",
  "errored",
  "canceled",
  "interrupted",
];

function diagram(change: Partial<Job>): string {
  const lines = statuses.flatMap((status) =>
    Object.entries(events).flatMap(([name, event]) => {
      const move = moveJob(jobIn(status, change), event, at);
      if (move.kind === "refused") return [];
      if (move.kind === "unchanged") return [`${status} + ${name} -> (nothing)`];
      const wish = move.job.desired === "run" ? [] : [`desired ${move.job.desired}`];
      return [
        `${status} + ${name} -> ${[move.job.status, ...wish, ...move.effects.map((effect) => `run: ${effect.kind}`)].join(", ")}`,
      ];
    }),
  );
  return `\n${lines.join("\n")}\n`;
}

describe("every legal move of a job; what is not listed is refused", () => {
  test("a plan", () => {
    expect(diagram({})).toMatchInlineSnapshot(`
      "
      queued + offered -> offered
      queued + cancel requested -> canceled, desired cancel, run: canceled
      queued + force requested -> canceled, desired force, run: canceled
      offered + declined -> queued
      offered + started (same disk) -> started, run: started
      offered + started (other disk) -> started, run: started
      offered + cancel requested -> canceled, desired cancel, run: canceled
      offered + force requested -> canceled, desired force, run: canceled
      offered + lease expired -> queued
      offered + errored -> errored, run: errored
      offered + errored (not applied) -> errored, run: errored
      offered + canceled -> canceled, run: canceled
      started + started (same disk) -> (nothing)
      started + cancel requested -> started, desired cancel
      started + force requested -> started, desired force
      started + lease expired -> queued, run: requeued
      started + finished -> finished, run: finished
      started + errored -> errored, run: errored
      started + errored (not applied) -> errored, run: errored
      started + canceled -> canceled, run: canceled
      "
    `);
  });

  test("an apply: once started it is never queued again", () => {
    expect(diagram({ phase: "apply" })).toMatchInlineSnapshot(`
      "
      queued + offered -> offered
      queued + cancel requested -> canceled, desired cancel, run: canceled
      queued + force requested -> canceled, desired force, run: canceled
      offered + declined -> queued
      offered + started (same disk) -> started, run: started
      offered + started (other disk) -> started, run: started
      offered + cancel requested -> canceled, desired cancel, run: canceled
      offered + force requested -> canceled, desired force, run: canceled
      offered + lease expired -> queued
      offered + errored -> errored, run: errored
      offered + errored (not applied) -> errored, run: not_applied
      offered + canceled -> canceled, run: canceled
      started + started (same disk) -> (nothing)
      started + cancel requested -> started, desired cancel
      started + force requested -> started, desired force
      started + lease expired -> interrupted, run: interrupted
      started + finished -> finished, run: finished
      started + errored -> errored, run: errored
      started + errored (not applied) -> errored, run: not_applied
      started + canceled -> canceled, run: canceled
      "
    `);
  });
});

test("a plan that two agents have lost is not tried a third time", () => {
  expect(moveJob(jobIn("started", { attempt: 2 }), { kind: "lease_expired" }, at)).toMatchObject({
    kind: "moved",
    job: { status: "errored" },
  });
});

test("a plan that was asked to end and lost its agent is canceled, not tried again", () => {
  expect(moveJob(jobIn("started", { desired: "cancel" }), { kind: "lease_expired" }, at)).toMatchObject({
    kind: "moved",
    job: { status: "canceled" },
  });
});

test("an offer that was canceled cannot be started", () => {
  const canceled = moveJob(jobIn("offered"), { kind: "cancel_requested", mode: "cancel" }, at);
  expect(canceled.kind === "moved" && moveJob(canceled.job, { kind: "started", incarnation: "disk-1" }, at).kind).toBe(
    "refused",
  );
});

test("over any sequence of events: epochs only rise, ends are final, an apply starts at most once", async () => {
  const anyEvent = fc.constantFrom(...Object.values(events));
  await fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (sequence) => {
      let job = jobIn("queued", { phase: "apply" });
      let starts = 0;
      for (const event of sequence) {
        const move = moveJob(job, event, at);
        if (move.kind !== "moved") continue;
        expect(isEnded(job.status)).toBe(false);
        expect(move.job.epoch).toBeGreaterThanOrEqual(job.epoch);
        if (move.effects.some((effect) => effect.kind === "started")) starts++;
        job = move.job;
      }
      expect(starts).toBeLessThanOrEqual(1);
    }),
  );
});

describe("the newest job of a phase", () => {
  const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
  const ended = jobIn("errored", { phase: "apply", id: "job_ended", queuedAt: at(1), endedAt: at(2) });
  const later = jobIn("finished", { phase: "apply", id: "job_later", queuedAt: at(3), endedAt: at(4) });
  const open = jobIn("queued", { phase: "apply", id: "job_open", queuedAt: at(0) });

  test("is the one that has not ended, else the one that was queued last", () => {
    expect(newestOf([open, ended, later], "apply")?.id).toBe("job_open");
    expect(newestOf([later, ended], "apply")?.id).toBe("job_later");
    expect(newestOf([later], "plan")).toBeUndefined();
  });

  test("is the one that ended last when several were queued at once", () => {
    const twin = { ...ended, id: "job_twin" as const, endedAt: at(3) };
    expect(newestOf([twin, ended], "apply")?.id).toBe("job_twin");
  });
});
