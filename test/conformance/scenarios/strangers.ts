import { create, toJsonString } from "@bufbuild/protobuf";
import {
  JobResultSchema,
  RefusalReason,
  SessionMessage,
  type SessionResponse,
  SessionResponseSchema,
} from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { type DesiredState, JobOutcome } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { demand, seconds } from "../demand.ts";
import type { OfferedJob } from "../offered-job.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { declinesOf, demandLines, outcomeName, resultsOf, startsOf } from "./look.ts";

/** A field of tomorrow: its number, a varint, the value 1. */
const unknownField = { no: 15_000, wireType: 0, data: Uint8Array.of(1) };

/** What an agent does with what it does not know, and with a word that was not taken. */
export const strangerScenarios: readonly Scenario[] = [
  {
    name: "session.unknown/fields",
    level: "must",
    demands: "Fields that it does not know are passed over.",
    play: async (stage) => {
      stage.plane.manners.alter = withUnknownFields;
      const job = await stage.offered();
      const { outcome } = await stage.sealed(job);
      demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
      return "a plan as ever";
    },
  },
  {
    name: "session.unknown/messages",
    level: "must",
    demands: "Messages that it does not know, and empty ones, are passed over.",
    play: async (stage) => {
      const job = await stage.holding();
      const { stream } = stage.plane;
      for (const fields of [[], [{ ...unknownField, wireType: 2, data: Uint8Array.of(0) }]])
        stage.plane.sendRaw(create(SessionResponseSchema, {}), fields);
      await stage.engine.open(job.id);
      await stage.sealed(job);
      demand(stage.plane.stream === stream, "it left the stream");
      return "passed over, on the same stream";
    },
  },
  {
    name: "session.unknown/values",
    level: "must",
    demands: "A desired state that it does not know changes nothing.",
    play: async (stage) => {
      const job = await stage.holding();
      stage.plane.desire(job, 99 as DesiredState);
      const isEnded = async () => (await stage.engine.notes(job.id)).some((note) => /^(INT|TERM|ended)/.test(note));
      await stage.stays("terraform was ended", 1_500, isEnded);
      stage.plane.cut();
      await stage.connected(stage.plane.record.now().order);
      await stage.stays("terraform was ended after a resumption", 1_500, isEnded);
      await stage.engine.open(job.id);
      const { outcome } = await stage.sealed(job);
      demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
      return "terraform ran on, FINISHED";
    },
  },
  {
    name: "result.repeat",
    level: "must",
    demands: "A result is repeated until it is acknowledged.",
    play: async (stage) => {
      let left = 2;
      stage.plane.manners.takeResult = () => (left-- > 0 ? "silence" : "seal");
      const job = await stage.offered();
      await stage.sealed(job, 60_000);
      return `came ${resultsOf(stage, job).length} times`;
    },
  },
  {
    name: "result.repeat/log",
    level: "must",
    demands: "A result that is not sealed makes it send the log from need_log_from, then the result again.",
    play: async (stage) => {
      let left = 1;
      stage.plane.manners.takeResult = () => (left-- > 0 ? "ask-log" : "seal");
      const job = await stage.offered({ lines: 50 });
      await stage.sealed(job, 60_000);
      demandLines(job, 50);
      return "the whole log again, then the result";
    },
  },
  {
    name: "session.refused/result",
    level: "must",
    demands: "A result that is refused comes again in another form, without what was wrong.",
    play: refusedResult,
  },
  {
    name: "session.refused/heartbeat",
    level: "must",
    demands: "A heartbeat that is refused has renewed nothing: another one comes at once.",
    play: async (stage) => {
      stage.plane.manners.heartbeatMs = 4_000;
      stage.plane.manners.refusedHeartbeats = 1;
      stage.start();
      const beats = () => stage.plane.record.heard("heartbeat");
      await stage.until("a heartbeat, which is refused, and another one", () => beats().length > 1);
      const waitedMs = (beats()[1]?.atMs ?? 0) - (beats()[0]?.atMs ?? 0);
      demand(waitedMs < 2_500, `the next one came ${seconds(waitedMs)} later`);
      return `another one ${seconds(waitedMs)} later, at an interval of 4 s`;
    },
  },
  {
    name: "session.refused/start",
    level: "must",
    demands: "A start request that is refused makes it decline the offer.",
    play: async (stage) => {
      stage.plane.manners.decide = () => "silence";
      const job = await stage.offered();
      await stage.until("a start request", () => startsOf(stage, job)[0]);
      stage.plane.refuse(job, SessionMessage.START_REQUEST, "start.form");
      await stage.until("a decline", () => declinesOf(stage, job)[0]);
      return "declined";
    },
  },
  {
    name: "log.lost",
    level: "must",
    demands: "A log of which every chunk is refused is given up, and the result says so.",
    play: refusedLog,
  },
  {
    name: "result.state/missing",
    level: "should",
    demands: "A result that is refused because its state is missing makes it upload that, and repeat it.",
    play: missingState,
  },
];

function withUnknownFields(message: SessionResponse): SessionResponse {
  message.$unknown = [unknownField];
  const { value } = message.message;
  if (value !== undefined) value.$unknown = [unknownField];
  if (message.message.case === "offer" && message.message.value.job !== undefined)
    message.message.value.job.$unknown = [unknownField];
  return message;
}

async function refusedResult(stage: Stage): Promise<string> {
  let first: string | undefined;
  stage.plane.manners.takeResult = (_job, result) => {
    const said = toJsonString(JobResultSchema, result);
    first ??= said;
    return said === first ? { rule: "result.order", reason: RefusalReason.INVALID } : "seal";
  };
  const job = await stage.offered({ exitCode: 1 });
  const { outcome, errorMessage } = await stage.sealed(job);
  demand(outcome === JobOutcome.ERRORED, `the outcome is ${outcomeName(outcome)}`);
  demand(errorMessage.length <= 256, `its text has ${errorMessage.length} characters`);
  const times = resultsOf(stage, job).length;
  demand(times < 10, `the result came ${times} times`);
  return `refused ${times - 1} times, then in another form`;
}

async function refusedLog(stage: Stage): Promise<string> {
  stage.plane.manners.takeLog = () => "refuse";
  const job: OfferedJob = await stage.offered({ lines: 40, pace: 0.02 });
  const said = await stage.until("a result that says log_lost", () =>
    resultsOf(stage, job).find(({ value }) => value.logLost),
  );
  const chunks = stage.plane.record.heard("logChunk").length;
  demand(chunks < 200, `${chunks} chunks came although each was refused`);
  return `${chunks} chunks refused, ${outcomeName(said.value.outcome)} with log_lost`;
}

async function missingState(stage: Stage): Promise<string> {
  let left = 1;
  stage.plane.manners.takeResult = (job) => {
    if (left-- <= 0) return "seal";
    job.states.length = 0;
    return { rule: "result.state", reason: RefusalReason.STATE_MISSING };
  };
  const job = await stage.offered({ isApply: true });
  await stage.sealed(job, 60_000);
  demand(
    job.states.some(({ header }) => header.isLast),
    "the last state was not uploaded again",
  );
  return "uploaded again, then FINISHED";
}
