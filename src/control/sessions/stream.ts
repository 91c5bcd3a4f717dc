import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Principal } from "../../domain/people/principal.ts";
import {
  CloseReason,
  type Hello,
  type SessionResponse,
  SessionResponseSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { deadlineAfter, linkSignals, type OwnedSignal, untilAborted } from "../../lib/async/abort.ts";
import { firstWindowBytes } from "../../lib/async/log-windows.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { type Control, topics } from "../core/control.ts";
import { closing, type Heard } from "./hearing.ts";
import { HeartbeatMeter } from "./heartbeat-meter.ts";
import type { Liveness } from "./liveness.ts";
import { type Resumed, resume } from "./resume.ts";
import { AgentSession } from "./session.ts";
import { StreamRecord } from "./stream-record.ts";

/** How long an agent may take to say hello. */
const helloMs = 10_000;

export interface SessionStream {
  readonly incoming: AsyncIterable<Heard>;
  readonly signal: AbortSignal;
  /** Where the agent is; empty in the same process. */
  readonly address: string;
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
  const first = await firstOf(control, incoming);
  if (first.kind === "none") {
    control.log.warn({ agentId: who.agentId, why: first.why }, "an agent did not say hello");
    return yield create(SessionResponseSchema, { message: closing(CloseReason.PROTOCOL, first.why) });
  }
  const { hello } = first;
  const enter = () => resume(control, who.agentId, { hello, address: stream.address });
  const resumed = await control.helloGate.pass(hello.jobs.length > 0, enter, ended.signal);
  control.presence.get(who.agentId)?.close("superseded", "a newer stream of this agent is there");
  const session = new AgentSession(control, liveness, resumed);
  // A stream that is cut while it is welcomed has left as well.
  try {
    yield welcomeOf(control, session, resumed);
    yield* converse(control, session, { incoming, ended, held: hello.jobs });
  } finally {
    liveness.left(session);
  }
}

const welcomeOf = ({ timing, limits }: Control, { sessionEpoch }: AgentSession, { decisions }: Resumed) =>
  create(SessionResponseSchema, {
    message: {
      case: "welcome",
      value: {
        sessionEpoch: BigInt(sessionEpoch),
        jobs: [...decisions],
        heartbeatInterval: durationFromMs(timing.heartbeatMs),
        logWindowBytes: BigInt(Math.min(limits.logWindowBytes, firstWindowBytes)),
      },
    },
  });

type First = { readonly kind: "hello"; readonly hello: Hello } | { readonly kind: "none"; readonly why: string };

async function firstOf(control: Control, incoming: AsyncGenerator<Heard, void>): Promise<First> {
  using deadline = deadlineAfter(control.clock, helloMs);
  const first = await Promise.race([
    incoming.next(),
    new Promise<undefined>((resolve) =>
      deadline.signal.addEventListener("abort", () => resolve(undefined), { once: true }),
    ),
  ]);
  const heard = first?.value ?? undefined;
  if (heard?.kind === "unreadable") return { kind: "none", why: heard.detail };
  const message = heard?.request.message;
  if (heard?.kind === "message" && message?.case === "hello") return { kind: "hello", hello: message.value };
  const expected = `the first message of a session must be a hello, within ${helloMs / 1000} seconds`;
  const isBadHello = heard?.kind === "broken" && message?.case === "hello";
  return { kind: "none", why: isBadHello ? `the hello breaks a rule: ${heard.detail}` : expected };
}

interface IncomingStream {
  readonly incoming: AsyncGenerator<Heard, void>;
  /** Stops listening. */
  readonly ended: OwnedSignal;
  /** What the agent said that it holds. */
  readonly held: Hello["jobs"];
}

async function* converse(
  control: Control,
  session: AgentSession,
  { incoming, ended, held }: IncomingStream,
): AsyncGenerator<SessionResponse> {
  const isFollowing = control.presence.get(session.agentId)?.way.handsOver === true;
  session.enter(held);
  for (const topic of [topics.jobs, topics.agents]) control.wake.notify(topic);
  control.log[isFollowing ? "debug" : "info"](
    { ...idsOf(session), address: session.address, jobs: session.jobs.size },
    "agent connected",
  );
  const { clock, timing } = control;
  const meters = {
    heartbeats: new HeartbeatMeter(clock, timing.heartbeatMs),
    refusals: new HeartbeatMeter(clock, timing.heartbeatMs, "messages that break rules"),
  };
  const record = new StreamRecord(control, session);
  if (!isFollowing) record.connected();
  const reading = readAll(session, incoming, { ...meters, record });
  const watching = session.watch();
  try {
    for await (const response of session.out) {
      record.say(response);
      yield response;
    }
  } catch (error) {
    record.broke(error);
    if (session.out.state.kind !== "overflowed") throw error;
    const detail = "the agent does not read what it is sent";
    yield create(SessionResponseSchema, { message: closing(CloseReason.FLOOD, detail) });
  } finally {
    session.leave();
    record.disconnected();
    control.log[session.way.handsOver ? "debug" : "info"](idsOf(session), "agent disconnected");
    ended.abort();
    await Promise.allSettled([reading, watching]);
  }
}

const idsOf = ({ agentId, name, sessionEpoch }: AgentSession) => ({ agentId, name, sessionEpoch });

/** What counts and remembers what is heard. */
interface Listeners {
  readonly heartbeats: HeartbeatMeter;
  readonly refusals: HeartbeatMeter;
  readonly record: StreamRecord;
}

/** Handles messages in the order they come. The agent's end of the stream ends ours; a failure closes it with its reason. */
async function readAll(
  session: AgentSession,
  incoming: AsyncGenerator<Heard, void>,
  listeners: Listeners,
): Promise<void> {
  try {
    for await (const heard of incoming) {
      if (heard.kind === "unreadable") return session.close("protocol", heard.detail);
      listeners.record.hear(heard);
      if (heard.kind === "broken") listeners.refusals.count();
      else if (heard.request.message.case === "heartbeat") listeners.heartbeats.count();
      await session.handle(heard);
    }
    session.handOver();
  } catch (error) {
    if (isWindlassError(error, "rate_limited")) session.close("flood", error.message);
    else session.out.close(error);
  }
}
