import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Principal } from "../domain/principal.ts";
import {
  type Hello,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
} from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { deadlineAfter, linkSignals, type OwnedSignal, untilAborted } from "../lib/abort.ts";
import { WindlassError } from "../lib/errors.ts";
import { type Control, topics } from "./control.ts";
import { HeartbeatMeter } from "./heartbeat-meter.ts";
import type { Liveness } from "./liveness.ts";
import { AgentSession } from "./session.ts";
import { resume } from "./session-resume.ts";

/** How long an agent may take to say hello. */
const helloMs = 10_000;

export interface SessionStream {
  readonly incoming: AsyncIterable<SessionRequest>;
  readonly signal: AbortSignal;
}

/** Holds the conversation with one agent, whatever carries it: messages in, messages out, until either side ends it. */
export async function* serveSession(
  control: Control,
  liveness: Liveness,
  { who, stream }: { who: Principal; stream: SessionStream },
): AsyncGenerator<SessionResponse> {
  if (who.kind !== "agent_session") {
    throw new WindlassError("permission_denied", "Session needs a session token (wdl_ses_…): register first", {
      metadata: { action: "session" },
    });
  }
  using ended = linkSignals(stream.signal);
  const incoming = untilAborted(stream.incoming, ended.signal);
  const hello = await helloOf(control, incoming);
  const enter = () => resume(control, who.agentId, hello);
  const resumed = await control.helloGate.pass(hello.jobs.length > 0, enter, ended.signal);
  control.presence.get(who.agentId)?.close("superseded", "a newer stream of this agent is there");
  const session = new AgentSession(control, liveness, resumed);
  yield create(SessionResponseSchema, {
    message: {
      case: "welcome",
      value: {
        sessionEpoch: BigInt(session.sessionEpoch),
        jobs: [...resumed.decisions],
        heartbeatInterval: durationFromMs(control.timing.heartbeatMs),
        logWindowBytes: BigInt(control.limits.logWindowBytes),
      },
    },
  });
  try {
    yield* converse(control, session, { incoming, ended });
  } finally {
    liveness.left(session);
  }
}

async function helloOf(control: Control, incoming: AsyncGenerator<SessionRequest, void>): Promise<Hello> {
  using deadline = deadlineAfter(control.clock, helloMs);
  const first = await Promise.race([
    incoming.next(),
    new Promise<undefined>((resolve) =>
      deadline.signal.addEventListener("abort", () => resolve(undefined), { once: true }),
    ),
  ]);
  const message = first?.value?.message;
  if (message?.case === "hello") return message.value;
  throw new WindlassError(
    "validation",
    `the first message of a session must be a hello, within ${helloMs / 1000} seconds`,
    {
      fields: [{ field: "message", description: "expected hello first" }],
    },
  );
}

interface Ear {
  readonly incoming: AsyncGenerator<SessionRequest, void>;
  /** Stops listening. */
  readonly ended: OwnedSignal;
}

async function* converse(
  control: Control,
  session: AgentSession,
  { incoming, ended }: Ear,
): AsyncGenerator<SessionResponse> {
  control.presence.enter(session);
  for (const topic of [topics.jobs, topics.agents]) control.wake.notify(topic);
  control.log.info(
    { agentId: session.agentId, name: session.name, sessionEpoch: session.sessionEpoch, jobs: session.jobs.size },
    "agent connected",
  );
  const meter = new HeartbeatMeter(control.clock, control.timing.heartbeatMs);
  const reading = readAll(session, incoming, meter);
  const watching = session.watch();
  try {
    yield* session.out;
  } finally {
    session.leave();
    control.log.info(
      { agentId: session.agentId, name: session.name, sessionEpoch: session.sessionEpoch },
      "agent disconnected",
    );
    ended.abort();
    await Promise.allSettled([reading, watching]);
  }
}

/** Handles messages in the order they come. The agent's end of the stream ends ours; a failure closes it with its reason. */
async function readAll(
  session: AgentSession,
  incoming: AsyncGenerator<SessionRequest, void>,
  meter: HeartbeatMeter,
): Promise<void> {
  try {
    for await (const message of incoming) {
      if (message.message.case === "heartbeat") meter.count();
      await session.handle(message);
    }
    session.out.end();
  } catch (error) {
    session.out.close(error);
  }
}
