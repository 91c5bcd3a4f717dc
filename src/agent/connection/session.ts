import { create } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import {
  type AgentEngines,
  type AgentGatewayService,
  type HeartbeatReply,
  type LogAck,
  type Refused,
  type ResultAck,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  type Welcome,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../../gen/windlass/agent/v1/job_pb.ts";
import { abortable, deadlineAfter, untilAborted } from "../../lib/async/abort.ts";
import { OutQueue, type QueueLane } from "../../lib/async/queue.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Random } from "../../lib/random.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { foreignText } from "../../lib/way/own-answer.ts";
import { claimKey } from "../contract/claim.ts";
import { type BrokenStream, type ConnectionOutcome, openFailure } from "../contract/connection-outcome.ts";
import { type BeatTime, beatTime } from "../contract/freshness.ts";
import type { Identity } from "../contract/identity.ts";
import type { HostChange, OfferAnswer, OutgoingMessage, SessionHost } from "../contract/session-host.ts";
import type { UpdateTalk } from "../contract/update-talk.ts";
import { intervalOf, outcomeOfClose, outcomeOfReconnect } from "./close.ts";
import { HeartbeatLoop, heartbeatMessage } from "./heartbeat-loop.ts";
import { LogSender } from "./log-sender.ts";
import { chunkMessage, declineMessage, goodbyeMessage, helloMessage, sizeOf } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { answerRefusal } from "./refusals.ts";
import { StreamChange } from "./stream-change.ts";
import type { StreamLimits } from "./stream-limits.ts";

/** A server that has not welcomed the agent by then is not there. */
const welcomeTimeoutMs = 15_000;
/** A program that does not answer what it is holds nobody up for longer. */
const enginesTimeoutMs = 3_000;
/** How long the server has, after a good-bye, to end the stream. */
const goodbyeTimeoutMs = 2_000;
const queueLimits = { maxItems: 1_024, maxBytes: 4 * 1024 * 1024 };
const defaultIntervalMs = 10_000;
const betweenBeatsMs = 1_000; // How often a heartbeat may say that something was heard: servers bound how many come.

export interface SessionOptions {
  readonly client: Client<typeof AgentGatewayService>;
  readonly host: SessionHost;
  readonly identity: Identity;
  readonly sessionToken: string;
  readonly clusterGeneration: string;
  readonly lastSessionEpoch: bigint;
  readonly onWelcome: (welcome: Welcome) => void;
  /** What is known of the way's bounds, for streams. */
  readonly limits: StreamLimits;
  readonly updates?: UpdateTalk | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What a stream is at a moment: each variant owns what runs in it. */
type State =
  | { readonly kind: "opening" }
  | { readonly kind: "ready"; readonly sinceMs: number; readonly loop: HeartbeatLoop; readonly logs: LogSender }
  | { readonly kind: "leaving" }
  | { readonly kind: "ended"; readonly outcome: ConnectionOutcome };

/** Opens a stream, holds the conversation until it ends, and says how it ended. It never rejects. */
export async function holdSession(options: SessionOptions, signal: AbortSignal): Promise<ConnectionOutcome> {
  return new Session(options).run(signal);
}

class Session {
  readonly #options: SessionOptions;
  readonly #queue = new OutQueue<SessionRequest>(queueLimits);
  readonly #over = new AbortController();
  readonly #outbox: Outbox;
  /** Heartbeats without an answer, oldest first. */
  readonly #beats: BeatTime[] = [];
  readonly #change: StreamChange;
  /** What this stream was last told of the agent's programs. */
  #engines: AgentEngines | undefined;
  /** A heartbeat was refused: what follows says what keeps leases, and nothing else. */
  #isPlain = false;
  #isBeatDue = false;
  #beatSoonFromMs = 0;
  #state: State = { kind: "opening" };

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#change = new StreamChange(options);
    this.#outbox = new Outbox(options.host, (one) => this.#send(one, one.case === "jobResult" ? "bulk" : "control"));
  }

  async run(signal: AbortSignal): Promise<ConnectionOutcome> {
    if (signal.aborted) return { kind: "stopped" };
    const onAbort = () => this.#end({ kind: "stopped" });
    signal.addEventListener("abort", onAbort, { once: true });
    using _changes = this.#options.host.onChange((change) => this.#changed(change));
    this.#endAfter(welcomeTimeoutMs, "opening", "the server did not welcome the agent in time");
    try {
      this.#own(this.#greet());
      await this.#converse();
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    if (this.#state.kind === "leaving") return this.#end({ kind: "left" });
    if (this.#change.begun.aborted) return this.#end({ kind: "changed" });
    return this.#end(this.#broken("the server ended the stream"));
  }

  /** Says hello, once it is known which programs are here: no job comes that cannot be done. The stream is opened meanwhile. */
  async #greet(): Promise<void> {
    const { host, clock } = this.#options;
    using deadline = deadlineAfter(clock, enginesTimeoutMs, this.#over.signal);
    await abortable(host.enginesSeen(), deadline.signal).catch(() => {});
    this.#engines = host.engines();
    this.#send(helloMessage(this.#options));
  }

  async #converse(): Promise<void> {
    const { client, sessionToken } = this.#options;
    const headers = { authorization: `Bearer ${sessionToken}` };
    try {
      const responses = client.session(this.#queue, { headers, signal: this.#over.signal });
      for await (const response of untilAborted(responses, this.#over.signal)) this.#receive(response);
    } catch (error) {
      this.#end(this.#state.kind === "opening" ? openFailure(error) : this.#cut(error));
    }
  }

  /** What the end of a stream means that the server did not announce. */
  #cut(error: unknown): ConnectionOutcome {
    if (this.#state.kind !== "ready") return this.#broken(ConnectError.from(error).message);
    const reason = foreignText(error);
    if (reason === undefined || !this.#change.wasCut(this.#state)) {
      return this.#change.begun.aborted
        ? { kind: "changed" }
        : this.#broken(reason ?? ConnectError.from(error).message);
    }
    this.#options.log.debug({ reason }, "the stream has come to its bound: the next one goes on");
    return { kind: "changed" };
  }

  /** Gives the stream up for the next one, in good order. */
  async #giveUp(): Promise<void> {
    if (this.#state.kind !== "ready" || !(await this.#change.begin(this.#state, this.#over.signal))) return;
    this.#options.log.debug("a new stream is opened before this one comes to its bound");
    this.#beat();
    this.#queue.end();
    await this.#change.untilHandedOver(this.#over.signal);
    this.#end({ kind: "changed" });
  }

  async #giveUpInTime(): Promise<void> {
    if (await this.#change.dueInTime(this.#over.signal)) await this.#giveUp();
  }

  /** The one way out: the first outcome counts, and everything that the stream owns stops. */
  #end(outcome: ConnectionOutcome): ConnectionOutcome {
    if (this.#state.kind === "ended") return this.#state.outcome;
    this.#state = { kind: "ended", outcome };
    this.#queue.close();
    this.#over.abort(new Error("the stream has ended"));
    return outcome;
  }

  #broken(reason: string): BrokenStream {
    if (this.#state.kind !== "ready") return { kind: "unavailable", reason, isCut: true, isBetterElsewhere: true };
    return { kind: "lost", reason, livedMs: this.#options.clock.monotonicMs() - this.#state.sinceMs };
  }

  #endAfter(ms: number, kind: State["kind"], reason: string): void {
    const expire = () => {
      if (this.#state.kind !== kind) return;
      this.#end(kind === "leaving" ? { kind: "left" } : this.#broken(reason));
    };
    this.#options.clock.sleep(ms, this.#over.signal).then(expire, () => {});
  }

  #send(message: OutgoingMessage, lane: QueueLane = "control"): void {
    const request = create(SessionRequestSchema, { message });
    const isQueued = this.#queue.push(lane, request, sizeOf(message));
    if (!isQueued && this.#queue.state.kind === "overflowed") this.#end(this.#broken("the server reads too slowly"));
    if (this.#change.sent(request)) this.#own(this.#giveUp());
  }

  #receive({ message }: SessionResponse): void {
    const { host } = this.#options;
    switch (message.case) {
      case "welcome":
        this.#welcomed(message.value);
        break;
      case "heartbeatReply":
        this.#answered(message.value);
        break;
      case "offer":
        this.#offered(message.value.job?.claim, host.offer(message.value));
        break;
      case "startDecision":
        host.decide(message.value);
        break;
      case "logAck":
        this.#logAcknowledged(message.value);
        break;
      case "resultAck":
        this.#resultAcknowledged(message.value);
        break;
      case "jobCommand":
        host.command(message.value);
        break;
      case "drain":
        host.drain(message.value.reason);
        break;
      case "refused":
        this.#refused(message.value);
        break;
      case "removeKept":
        host.removeKept(message.value.claims);
        break;
      case "reconnect":
        this.#end(outcomeOfReconnect(message.value));
        break;
      case "close":
        this.#end(outcomeOfClose(message.value));
        break;
      default: // A message of a newer server.
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#state.kind !== "opening") return;
    const { clock, random, onWelcome, host, limits } = this.#options;
    const onSilence = (count: number) => this.#end({ ...this.#broken(limits.silence(count)), isSilent: true });
    const intervalMs = intervalOf(welcome.heartbeatInterval) || defaultIntervalMs;
    const loop = new HeartbeatLoop({ clock, random, intervalMs, onSilence, beat: () => this.#beat() });
    const logs = this.#logSender(Number(welcome.logWindowBytes));
    this.#state = { kind: "ready", sinceMs: clock.monotonicMs(), loop, logs };
    onWelcome(welcome);
    for (const decision of welcome.jobs) {
      const key = claimKey(decision.claim);
      if (key !== undefined) logs.resume(key, Number(decision.logNextOffset));
      host.resume(decision);
    }
    this.#own(loop.run(this.#over.signal));
    this.#own(logs.run(AbortSignal.any([this.#over.signal, this.#change.begun])));
    this.#own(this.#giveUpInTime());
    this.#outbox.flush();
    // Before the first offer comes.
    if (host.noRoom() !== "") loop.beat();
    const reason = host.leaving();
    if (reason !== undefined) this.#leave(reason);
  }

  #logSender(windowBytes: number): LogSender {
    const { clock, host } = this.#options;
    return new LogSender({
      clock,
      windowBytes: windowBytes > 0 ? windowBytes : 256 * 1024,
      sources: host.logs,
      room: (signal) => this.#queue.room(signal),
      send: (chunk) => this.#send(chunkMessage(chunk), "bulk"),
      onSent: host.logSent,
      onAcknowledged: host.logAcknowledged,
    });
  }

  /** Something that runs as long as the stream: when it fails, so does the stream. */
  #own(running: Promise<void>): void {
    running.catch((error: unknown) => {
      if (this.#state.kind === "ended") return;
      this.#options.log.error({ err: error }, "the session failed");
      this.#end(this.#broken(messageOf(error)));
    });
  }

  #beat(): void {
    const { host, clock, updates } = this.#options;
    const [freeDiskBytes, jobs, kept] = [host.freeDiskBytes(), host.held(), host.kept()];
    const [isDraining, noRoom, update] = [host.isDraining(), host.noRoom(), updates?.report()];
    const engines = host.engines();
    const news = engines === this.#engines ? undefined : engines;
    this.#engines = engines;
    const more = this.#isPlain
      ? { kept: [], noRoom: noRoom === "" ? "" : "disk full" }
      : { kept, noRoom, engines: news };
    const way = { wayProblem: this.#options.limits.problem, nextStream: this.#change.begun.aborted };
    const facts = { engines: undefined, ...more, jobs, freeDiskBytes, now: clock.now(), isDraining, update, ...way };
    this.#beats.push(beatTime(clock));
    this.#send({ case: "heartbeat", value: heartbeatMessage(facts) });
    this.#outbox.repeat();
  }

  /** At once, but only so often: any number of jobs may be told something. */
  #beatSoon(): void {
    if (this.#isBeatDue || this.#state.kind !== "ready") return;
    const { clock } = this.#options;
    const { loop } = this.#state;
    this.#isBeatDue = true;
    const waitMs = Math.max(0, this.#beatSoonFromMs - clock.monotonicMs());
    const beat = () => {
      this.#isBeatDue = false;
      this.#beatSoonFromMs = clock.monotonicMs() + betweenBeatsMs;
      if (this.#state.kind === "ready") loop.beat();
    };
    clock.sleep(waitMs, this.#over.signal).then(beat, () => {});
  }

  #answered(reply: HeartbeatReply): void {
    if (this.#state.kind !== "ready") return;
    this.#options.limits.heard();
    this.#state.loop.answered(intervalOf(reply.nextInterval));
    this.#state.logs.checkProgress();
    this.#change.isAlive(this.#state);
    const { host, updates } = this.#options;
    updates?.answered(reply.update);
    for (const command of reply.jobs) host.command(command);
    // Answers come in the order of the heartbeats.
    const beat = this.#beats.shift();
    if (beat !== undefined) host.heartbeatAnswered(beat, reply.jobs);
    host.removeKept(reply.removeKept);
    if (reply.drain) host.drain("the control plane asked for it");
  }

  #offered(claim: JobClaim | undefined, answer: OfferAnswer): void {
    if (answer.kind === "declined" && claim !== undefined) this.#send(declineMessage(claim, answer.reason));
    const key = claimKey(claim);
    if (answer.kind === "held" && key !== undefined) this.#outbox.repeatOf(key);
  }

  #logAcknowledged({ claim, nextOffset, windowBytes, ...ack }: LogAck): void {
    const key = claimKey(claim);
    if (key === undefined || this.#state.kind !== "ready") return;
    this.#state.logs.acknowledge(key, { ...ack, nextOffset: Number(nextOffset), windowBytes: Number(windowBytes) });
  }

  #resultAcknowledged(ack: ResultAck): void {
    const key = claimKey(ack.claim);
    if (key === undefined || this.#state.kind !== "ready") return;
    if (ack.logProblem !== "") this.#options.log.error({ job: key, problem: ack.logProblem }, "the log is not whole");
    if (!ack.sealed) this.#state.logs.resume(key, Number(ack.needLogFrom));
    this.#options.host.resultAcknowledged(key, ack);
  }

  #refused(refused: Refused): void {
    const { host, log, identity } = this.#options;
    const beatPlainly = () => {
      const isNew = !this.#isPlain;
      this.#isPlain = true;
      this.#beats.shift();
      if (isNew && this.#state.kind === "ready") this.#state.loop.beat();
      return isNew;
    };
    const send = (message: OutgoingMessage) => this.#send(message);
    answerRefusal(refused, { host, speaker: this.#outbox, ...identity, send, beatPlainly, log });
  }

  #changed(change: HostChange): void {
    if (this.#state.kind === "opening" && change.kind === "leaving") this.#end({ kind: "left" });
    // What this stream does not say any more, the next one says.
    if (this.#state.kind !== "ready" || this.#change.begun.aborted) return;
    switch (change.kind) {
      case "log":
        this.#state.logs.wake();
        break;
      case "message":
        this.#outbox.flush();
        this.#state.logs.wake();
        break;
      case "declined":
        this.#send(declineMessage(change.claim, change.reason));
        break;
      case "draining":
      case "doubtful":
      case "preparing":
      case "kept":
      case "engines":
      case "room":
        this.#state.loop.beat();
        break;
      case "desired":
        this.#beatSoon();
        break;
      case "leaving":
        this.#leave(change.reason);
        break;
    }
  }

  /** Says good-bye and waits for the server to end the stream. */
  #leave(reason: string): void {
    this.#send(goodbyeMessage(reason));
    this.#queue.end();
    this.#state = { kind: "leaving" };
    this.#endAfter(goodbyeTimeoutMs, "leaving", "");
  }
}
