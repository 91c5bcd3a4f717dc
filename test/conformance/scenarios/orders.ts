import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { DesiredState, JobOutcome } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { demand, seconds } from "../demand.ts";
import type { OfferedJob } from "../offered-job.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { declinesOf, forgotten, isAlive, outcomeName } from "./look.ts";

const leaseMs = 3_000;

/** What is wanted of a job that runs, and what an agent does without being told. */
export const orderScenarios: readonly Scenario[] = [
  {
    name: "job.cancel",
    level: "must",
    demands: "CANCEL, however often it is said, is exactly one SIGINT.",
    play: async (stage) => {
      const job = await stage.holding({ onInterrupt: "ignore" });
      stage.plane.desire(job, DesiredState.CANCEL);
      await interrupted(stage, job);
      await stage.stays("terraform was interrupted twice", 2_500, async () => (await stage.signals(job)) > 1);
      demand((await stage.signals(job, "TERM")) === 0, "terraform got a SIGTERM");
      await stage.engine.open(job.id);
      await stage.sealed(job);
      return "one SIGINT in 2.5 s of heartbeats";
    },
  },
  {
    name: "job.cancel/result",
    level: "must",
    demands: "A plan that ends at its interrupt is reported as CANCELED, with its log.",
    play: async (stage) => {
      const job = await stage.holding();
      stage.plane.desire(job, DesiredState.CANCEL);
      const { outcome } = await stage.sealed(job);
      demand(outcome === JobOutcome.CANCELED, `the outcome is ${outcomeName(outcome)}`);
      demand(job.logText.includes(`${job.id} line 2 `), "the log ends before terraform did");
      return "CANCELED";
    },
  },
  {
    name: "job.force",
    level: "must",
    demands: "FORCE ends a terraform that ignores SIGINT; log and result still come.",
    play: async (stage) => {
      const job = await stage.holding({ onInterrupt: "ignore" });
      const [pid] = await stage.engine.executions(job.id);
      demand(pid !== undefined, "terraform has no pid");
      stage.plane.desire(job, DesiredState.CANCEL);
      await interrupted(stage, job);
      stage.plane.desire(job, DesiredState.FORCE);
      await stage.until("terraform is gone", () => !isAlive(pid));
      const { outcome } = await stage.sealed(job);
      demand(outcome === JobOutcome.CANCELED, `the outcome is ${outcomeName(outcome)}`);
      return "terraform gone, CANCELED";
    },
  },
  {
    name: "job.gone",
    level: "must",
    demands: "A claim that is GONE is ended and forgotten, and the next job is taken.",
    play: async (stage) => {
      const job = await stage.holding();
      const [pid] = await stage.engine.executions(job.id);
      demand(pid !== undefined, "terraform has no pid");
      stage.plane.desire(job, DesiredState.GONE);
      await stage.until("terraform is gone", () => !isAlive(pid), 60_000);
      await forgotten(stage, job);
      await stage.sealed(await stage.offer());
      return "ended, forgotten; the next job was done";
    },
  },
  {
    name: "job.timeout",
    level: "must",
    demands: "A phase that takes longer than its timeout is interrupted, and does not succeed.",
    play: async (stage) => {
      const job = await stage.holding({ spec: { timeout: durationFromMs(2_000) } });
      await interrupted(stage, job);
      const { outcome } = await stage.sealed(job);
      demand(outcome !== JobOutcome.FINISHED, "the outcome is FINISHED");
      return `interrupted, ${outcomeName(outcome)}: ${job.result?.errorMessage}`;
    },
  },
  {
    name: "claim.lease",
    level: "must",
    demands: "When the lease of a plan ends, because no heartbeat was answered, the agent ends it itself.",
    play: async (stage) => {
      const job = await cutOff(stage, false);
      const { atMs } = stage.plane.record.now();
      await interrupted(stage, job, leaseMs + 15_000);
      const later = stage.plane.record.now().atMs - atMs;
      demand(later >= leaseMs - 1_500, `interrupted after ${seconds(later)}, with a lease of 3 s`);
      return `interrupted ${seconds(later)} after the server went away`;
    },
  },
  {
    name: "claim.lease/apply",
    level: "must",
    demands: "An apply goes on when its lease ends.",
    play: async (stage) => {
      const job = await cutOff(stage, true);
      await stage.stays("the apply was interrupted", leaseMs + 4_000, async () => (await stage.signals(job)) > 0);
      stage.plane.manners.leaseMs = 120_000;
      await stage.plane.server.start();
      await stage.engine.open(job.id);
      const { outcome } = await stage.sealed(job, 60_000);
      demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
      return "went on 7 s without a server, FINISHED";
    },
  },
  {
    name: "session.end/drain",
    level: "must",
    demands: "Told to drain, it starts nothing new, ends what it has, says goodbye, and exits with 0.",
    play: drained,
  },
];

const interrupted = (stage: Stage, job: OfferedJob, deadlineMs?: number) =>
  stage.until("terraform is interrupted", async () => (await stage.signals(job)) > 0, deadlineMs);

/** A job under a short lease whose server has gone away. */
async function cutOff(stage: Stage, isApply: boolean): Promise<OfferedJob> {
  stage.plane.manners.leaseMs = leaseMs;
  const job = await stage.holding({ isApply });
  const before = stage.plane.record.heard("heartbeat").length;
  await stage.until("two more heartbeats", () => stage.plane.record.heard("heartbeat").length > before + 2);
  await stage.plane.server.stop();
  return job;
}

async function drained(stage: Stage): Promise<string> {
  const agent = stage.start();
  await stage.connected();
  const job = await stage.offer({ holdAt: 2 });
  await stage.held(job);
  stage.plane.send({ case: "drain", value: { reason: "the check wants it" } });
  await stage.until("a heartbeat that says so", () => stage.plane.record.heard("heartbeat").at(-1)?.value.draining);
  const other = await stage.offer();
  const isExecuted = async () => (await stage.engine.executions(other.id)).length > 0;
  await stage.stays("a job was started while it drains", 1_500, isExecuted);
  const isDeclined = declinesOf(stage, other).length > 0;
  await stage.engine.open(job.id);
  const ending = await stage.end(agent, "it has nothing more to do", 30_000);
  demand(job.isSealed, "it ended before its job was acknowledged");
  demand(!(await isExecuted()), "a job was started while it drained");
  demand(ending === 0, `it ended with ${ending}`);
  demand(stage.plane.record.heard("goodbye").length > 0, "it said no goodbye");
  return `${isDeclined ? "declined" : "did not take"} a new job, ended with 0`;
}
