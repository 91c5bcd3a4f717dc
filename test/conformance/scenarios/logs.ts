import { setTimeout as pause } from "node:timers/promises";
import { JobOutcome } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { demand } from "../demand.ts";
import type { OfferedJob } from "../offered-job.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { demandLines, names, outcomeName, resultsOf } from "./look.ts";

/** That no byte of a log is lost, none comes twice, and none too early. */
export const logScenarios: readonly Scenario[] = [
  {
    name: "log.again/reconnect",
    level: "must",
    demands: "After a broken connection a log goes on at the byte that the server names.",
    play: resumed,
  },
  {
    name: "log.again/rewind",
    level: "must",
    demands: "Told to rewind, it sends again from the byte that the server names.",
    play: async (stage) => {
      let refused = 0;
      stage.plane.manners.takeLog = (job) => (job.log.length > 0 && refused++ < 3 ? "rewind" : "take");
      const job = await stage.offered({ lines: 60, pace: 0.02 });
      await stage.sealed(job);
      demand(refused > 1, "the log came in one piece");
      demandLines(job, 60);
      return `rewound ${Math.min(3, refused)} times, ${job.log.length} bytes, each once`;
    },
  },
  {
    name: "log.chunk/window",
    level: "must",
    demands: "It never has more than log_window_bytes of log on their way.",
    play: async (stage) => {
      stage.plane.manners.logWindowBytes = 64 * 1024;
      stage.plane.manners.takeLog = () => "store";
      const job = await stage.offered({ lines: 3_000, padding: "x".repeat(80) });
      await stage.until("some of the log", () => job.log.length > 0);
      await stage.stays("more bytes came than the window has", 2_000, () => job.log.length > 64 * 1024);
      const inWindow = job.log.length;
      stage.plane.manners.takeLog = () => "take";
      stage.plane.acknowledge(job);
      await stage.sealed(job);
      demandLines(job, 3_000);
      return `stopped after ${inWindow} bytes until they were acknowledged`;
    },
  },
  {
    name: "log.closed",
    level: "must",
    demands: "Of a log that is closed it sends no more, and still the result.",
    play: closed,
  },
  {
    name: "log.closed/limit",
    level: "should",
    demands: "It cuts a log at max_log_bytes, says so in it, and goes on.",
    play: async (stage) => {
      const job = await stage.offered({ lines: 500, padding: "x".repeat(100), spec: { maxLogBytes: 8_192n } });
      const { outcome } = await stage.sealed(job);
      demand(job.log.length <= 8_192 + 2_048, `max_log_bytes is 8192, and it sent ${job.log.length}`);
      demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
      return `cut at ${job.log.length} bytes: ${job.logText.trimEnd().split("\n").at(-1)?.slice(0, 60)}`;
    },
  },
  {
    name: "log.truth",
    level: "must",
    demands: "A log of 3 MB comes whole, and its length and SHA-256 in the result are true.",
    play: async (stage) => {
      const lines = 15_000;
      const job = await stage.offered({ lines, padding: "y".repeat(190) });
      await stage.sealed(job, 60_000);
      demandLines(job, lines);
      return `${job.log.length} bytes`;
    },
  },
];

/** Three times some bytes are lost on their way, with the connection. */
async function resumed(stage: Stage): Promise<string> {
  const lines = 450;
  const job = await stage.offered({ lines, pace: 0.02, padding: "z".repeat(40) });
  for (let cut = 1; cut <= 3; cut++) {
    await stage.until("more of the log", () => job.log.length > cut * 1_500);
    await cutInLog(stage, job);
  }
  const { outcome } = await stage.sealed(job);
  demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
  demandLines(job, lines);
  await stage.demandOnce(job);
  return `3 breaks, ${job.log.length} bytes, each once`;
}

async function cutInLog(stage: Stage, job: OfferedJob): Promise<void> {
  const { record, manners } = stage.plane;
  const before = record.heard("logChunk").length;
  manners.takeLog = () => "silence";
  await stage.until("a chunk that will be lost", () => record.heard("logChunk").length > before);
  const { order } = record.now();
  const stored = job.log.length;
  stage.plane.cut();
  manners.takeLog = () => "take";
  const { stream } = await stage.connected(order);
  const [hello] = record.heard("hello", stream);
  demand(hello !== undefined && names(hello.value.jobs, job), "its hello does not name the job");
  const next = await stage.until(
    "the log goes on",
    () => record.heard("logChunk", stream)[0] ?? resultsOf(stage, job)[0],
  );
  const offset = next.value.$typeName === "windlass.agent.v1.LogChunk" ? Number(next.value.offset) : stored;
  demand(offset === stored, `told ${stored}, it went on at ${offset}`);
}

async function closed(stage: Stage): Promise<string> {
  const job = await stage.offered({ lines: 80, pace: 0.02 });
  await stage.until("some of the log", () => job.log.length > 0);
  stage.plane.manners.takeLog = () => "close";
  await stage.until("the log is closed", () => job.isLogClosed);
  // What was on its way may still come.
  await pause(500);
  const chunks = () => stage.plane.record.heard("logChunk").length;
  const before = chunks();
  const { outcome } = await stage.sealed(job);
  demand(chunks() === before, `${chunks() - before} chunks came of a closed log`);
  demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
  return `FINISHED with ${job.log.length} bytes of log`;
}
