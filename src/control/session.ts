import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Agent } from "../domain/agent.ts";
import { type Job, leaseMs } from "../domain/job.ts";
import {
  CloseReason,
  type Heartbeat,
  type JobResult,
  type LogChunk,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
  type StartRequest,
} from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, type JobClaim } from "../gen/windlass/agent/v1/job_pb.ts";
import { type AgentId, isId, type JobId, type PoolId } from "../lib/ids.ts";
import { OutQueue } from "../lib/queue.ts";
import { type Control, topics } from "./control.ts";
import { declineOffer, grantStart, takeReport } from "./job-results.ts";
import { jobSpecOf } from "./job-spec.ts";
import type { Liveness } from "./liveness.ts";
import type { Seat } from "./presence.ts";
import { logStreamOf } from "./run-logs.ts";
import { desiredOf, type HeldClaim, type Resumed } from "./session-resume.ts";
import { reportOf } from "./session-wire.ts";

type Message = NonNullable<MessageInitShape<typeof SessionResponseSchema>["message"]>;

/** What one session may have queued towards a slow agent before the stream is closed. Source: the reliability study, §2.8. */
const outLimits = { maxItems: 4096, maxBytes: 1024 * 1024 };
/** How long an agent that declined an offer gets no other. */
const declinePauseMs = 5_000;
/** The agent cuts a log at its cap; bytes beyond it by more than this are refused. */
const logSlackBytes = 1024 * 1024;

interface Held {
  readonly job: Job;
  readonly isRunning: boolean;
  /** Appends on their way, so that a result waits for them. */
  appending: Promise<unknown>;
  /** What the agent was last told. */
  told: DesiredState;
}

/**
 * One connected agent. It reads typed messages and fills a queue of typed messages: what carries them is not its
 * business. Its truth is in the database; what it keeps itself can be lost with the stream.
 */
export class AgentSession implements Seat {
  readonly agentId: AgentId;
  readonly name: string;
  readonly poolId: PoolId | null;
  readonly incarnation: string;
  readonly bootId: string;
  readonly sessionEpoch: number;
  readonly concurrency: number;
  readonly out = new OutQueue<SessionResponse>(outLimits);
  readonly #control: Control;
  readonly #liveness: Liveness;
  readonly #held = new Map<JobId, Held>();
  readonly #reserved = new Map<JobId, number>();
  readonly #ended = new AbortController();
  #heardAtMs: number;
  #agent: Agent;
  #isLeaving = false;
  #declinedUntilMs = 0;

  constructor(control: Control, liveness: Liveness, { agent, held }: Resumed) {
    this.#control = control;
    this.#liveness = liveness;
    this.#agent = agent;
    this.agentId = agent.id;
    this.name = agent.name;
    this.poolId = agent.poolId;
    this.incarnation = agent.incarnation;
    this.bootId = agent.bootId;
    this.sessionEpoch = agent.sessionEpoch;
    this.concurrency = agent.concurrency;
    this.#heardAtMs = control.clock.monotonicMs();
    for (const claim of held) this.#hold(claim);
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get jobs(): ReadonlyMap<JobId, number> {
    return this.#reserved;
  }

  get takesJobs(): boolean {
    const { isPaused, isDraining } = this.#agent;
    return (
      !isPaused &&
      !isDraining &&
      !this.#isLeaving &&
      this.out.state.kind === "open" &&
      this.#control.clock.monotonicMs() >= this.#declinedUntilMs
    );
  }

  reserve(jobId: JobId, epoch: number): boolean {
    if (!this.takesJobs || this.#reserved.size >= this.concurrency) return false;
    this.#reserved.set(jobId, epoch);
    return true;
  }

  release(jobId: JobId, epoch: number): void {
    if (this.#reserved.get(jobId) === epoch) this.#reserved.delete(jobId);
  }

  async offer(job: Job): Promise<void> {
    this.#hold({ job, isRunning: true });
    const spec = await this.#control.store.read((q) => jobSpecOf(this.#control, q, job));
    this.#send({ case: "offer", value: { job: spec } });
    this.#tellLiveness();
  }

  warn(text: string): void {
    if (this.#agent.warning === text) return;
    this.#agent = { ...this.#agent, warning: text };
    void this.#saveAgent((row) => ({ ...row, warning: text }));
  }

  close(reason: Parameters<Seat["close"]>[0], detail: string): void {
    switch (reason) {
      case "draining":
        this.#send({ case: "reconnect", value: { after: durationFromMs(0), maxDelay: durationFromMs(2_000) } });
        return this.#end();
      case "superseded":
        return this.#close(CloseReason.SUPERSEDED, detail);
      case "deleted":
        return this.#close(CloseReason.DELETED, detail);
      case "revoked":
        // Its running jobs still report over this stream; it gets no others.
        this.#isLeaving = true;
        if (this.#reserved.size === 0) this.#close(CloseReason.REVOKED, detail);
    }
  }

  /** Sends what is wanted whenever it changes; the heartbeat repeats it. Ends with the session. */
  async watch(): Promise<void> {
    const { wake, log } = this.#control;
    const topic = topics.agent(this.agentId);
    while (!this.#ended.signal.aborted) {
      const seen = wake.version(topic);
      await this.#refresh().catch((error: unknown) =>
        log.warn({ err: error, agentId: this.agentId }, "an agent's wishes could not be read"),
      );
      await wake.changedSince(topic, seen, { signal: this.#ended.signal }).catch(() => {});
    }
  }

  /** Handles one message. Log bytes and results are handled beside the stream, so that nothing waits behind them. */
  async handle({ message }: SessionRequest): Promise<void> {
    this.#heardAtMs = this.#control.clock.monotonicMs();
    switch (message.case) {
      case "heartbeat":
        return this.#heartbeat(message.value);
      case "startRequest":
        return this.#startRequest(message.value);
      case "offerDecline":
        return this.#offerDecline(message.value.claim, message.value.reason);
      case "logChunk":
        return this.#logChunk(message.value);
      case "jobResult":
        return this.#beside(this.#jobResult(message.value));
      case "goodbye":
        return this.#goodbye(message.value.reason);
      case "hello":
        return this.#close(CloseReason.PROTOCOL, "hello comes once, first");
      case undefined:
        return; // A message of a newer agent.
    }
  }

  /** Leaves; the agent's row says so soon. */
  leave(): void {
    this.#ended.abort();
    this.out.close();
    this.#control.presence.leave(this);
    this.#tellLiveness();
  }

  #hold({ job, isRunning }: HeldClaim): void {
    this.#held.set(job.id, { job, isRunning, appending: Promise.resolve(), told: DesiredState.RUN });
    if (isRunning) this.#reserved.set(job.id, job.epoch);
  }

  #claimed(claim: JobClaim | undefined): { readonly jobId: JobId; readonly held: Held } | undefined {
    const jobId = claim?.jobId ?? "";
    if (!isId("job", jobId)) return undefined;
    const held = this.#held.get(jobId);
    return held !== undefined && BigInt(held.job.epoch) === claim?.epoch ? { jobId, held } : undefined;
  }

  async #heartbeat({ jobs, draining }: Heartbeat): Promise<void> {
    const rows = await this.#refresh();
    const now = this.#control.clock.now();
    const { leases, heartbeatMs } = this.#control.timing;
    const commands = jobs.map(({ claim }) => {
      const jobId = claim?.jobId ?? "";
      const row = isId("job", jobId) ? rows.get(jobId) : undefined;
      const current =
        row !== undefined && row.agentId === this.agentId && BigInt(row.epoch) === claim?.epoch ? row : undefined;
      const forMs = current === undefined ? 0 : leaseMs(current, leases);
      if (current?.status === "started")
        this.#liveness.renew({ jobId: current.id, epoch: current.epoch, until: new Date(now.getTime() + forMs) });
      return { ...(claim === undefined ? {} : { claim }), desired: desiredOf(current), lease: durationFromMs(forMs) };
    });
    this.#tellLiveness();
    if (draining && !this.#agent.isDraining) await this.#saveAgent((row) => ({ ...row, isDraining: true }));
    const reply = {
      serverTime: timestampFromDate(now),
      nextInterval: durationFromMs(heartbeatMs),
      jobs: commands,
      drain: this.#agent.isDraining,
    };
    this.#send({ case: "heartbeatReply", value: reply });
  }

  /** Reads what is wanted of the agent and its jobs, and tells it what is new. */
  async #refresh(): Promise<ReadonlyMap<JobId, Job>> {
    const ids = [...this.#held.keys()];
    const { agent, token, jobs } = await this.#control.store.read(async (q) => {
      const agent = await q.agents.get(this.agentId);
      const token = agent?.tokenId == null ? undefined : await q.tokens.get(agent.tokenId);
      return { agent, token, jobs: ids.length === 0 ? [] : await q.jobs.byIds(ids) };
    });
    if (agent === undefined) this.#close(CloseReason.DELETED, "the agent was deleted");
    else if (agent.sessionEpoch > this.sessionEpoch)
      this.#close(CloseReason.SUPERSEDED, "a newer stream of this agent is there");
    else this.#wish(agent);
    if (token?.revokedAt != null) this.close("revoked", "the agent token was revoked");
    const rows = new Map(jobs.map((job) => [job.id, job]));
    for (const [jobId, held] of this.#held) this.#command(jobId, held, rows.get(jobId));
    return rows;
  }

  #wish(agent: Agent): void {
    const wasOpen = this.takesJobs;
    if (agent.isDraining && !this.#agent.isDraining)
      this.#send({ case: "drain", value: { reason: "drain was asked for" } });
    this.#agent = agent;
    if (!wasOpen && this.takesJobs) this.#control.wake.notify(topics.jobs);
  }

  #command(jobId: JobId, held: Held, row: Job | undefined): void {
    const current = row !== undefined && row.epoch === held.job.epoch && row.agentId === this.agentId ? row : undefined;
    const desired = desiredOf(current);
    if (desired === held.told) return;
    held.told = desired;
    this.#send({ case: "jobCommand", value: { claim: { jobId, epoch: BigInt(held.job.epoch) }, desired } });
    if (desired === DesiredState.GONE) this.#forget(jobId);
  }

  /** The claim no longer counts; its log may still come. */
  #forget(jobId: JobId): void {
    const held = this.#held.get(jobId);
    if (held === undefined) return;
    this.release(jobId, held.job.epoch);
    this.#control.wake.notify(topics.jobs);
    this.#tellLiveness();
    if (this.#isLeaving && this.#reserved.size === 0) this.#close(CloseReason.REVOKED, "the agent token was revoked");
  }

  async #startRequest({ claim, incarnation }: StartRequest): Promise<void> {
    const found = this.#claimed(claim);
    const jobClaim = { jobId: claim?.jobId ?? "", epoch: claim?.epoch ?? 0n };
    const refuse = (reason: string): void =>
      this.#send({ case: "startDecision", value: { claim: jobClaim, granted: false, reason, incarnation } });
    if (found === undefined) return refuse("the claim is over");
    if (incarnation !== this.incarnation) return refuse("the grant belongs to another journal");
    const why = await grantStart(
      this.#control,
      { jobId: found.jobId, epoch: found.held.job.epoch, agentId: this.agentId },
      incarnation,
    );
    if (why !== undefined) {
      this.#forget(found.jobId);
      return refuse(why);
    }
    this.#control.log.info(
      { jobId: found.jobId, runId: found.held.job.runId, epoch: found.held.job.epoch, agentId: this.agentId },
      "job started",
    );
    this.#send({ case: "startDecision", value: { claim: jobClaim, granted: true, incarnation } });
  }

  async #offerDecline(claim: JobClaim | undefined, reason: string): Promise<void> {
    const found = this.#claimed(claim);
    if (found === undefined) return;
    this.#declinedUntilMs = this.#control.clock.monotonicMs() + declinePauseMs;
    this.#held.delete(found.jobId);
    this.release(found.jobId, found.held.job.epoch);
    this.#control.log.warn({ jobId: found.jobId, agentId: this.agentId, reason }, "agent declined a job");
    await declineOffer(this.#control, { jobId: found.jobId, epoch: found.held.job.epoch, agentId: this.agentId });
  }

  #logChunk({ claim, offset, chunk }: LogChunk): void {
    const found = this.#claimed(claim);
    const jobClaim = { jobId: claim?.jobId ?? "", epoch: claim?.epoch ?? 0n };
    const isOverLimit = Number(offset) + chunk.length > this.#control.limits.maxLogBytes + logSlackBytes;
    if (found === undefined || isOverLimit)
      return this.#send({ case: "logAck", value: { claim: jobClaim, nextOffset: offset, closed: true } });
    const { held, jobId } = found;
    const append = this.#control.logs.append(logStreamOf(held.job), Number(offset), chunk).then((result) => {
      this.#control.wake.notify(topics.log(jobId));
      const ack = {
        claim: jobClaim,
        nextOffset: BigInt(result.nextOffset),
        rewind: result.kind === "gap",
        closed: result.kind === "sealed",
      };
      this.#send({ case: "logAck", value: ack });
    });
    held.appending = Promise.allSettled([held.appending, append]);
    this.#beside(append);
  }

  async #jobResult(result: JobResult): Promise<void> {
    const { claim } = result;
    const found = this.#claimed(claim);
    const jobClaim = { jobId: claim?.jobId ?? "", epoch: claim?.epoch ?? 0n };
    if (found === undefined) return this.#send({ case: "resultAck", value: { claim: jobClaim, sealed: true } });
    const { jobId, held } = found;
    await held.appending;
    const answer = await takeReport(
      this.#control,
      { jobId, epoch: held.job.epoch, agentId: this.agentId },
      reportOf(result),
    );
    const { log } = this.#control;
    switch (answer.kind) {
      case "needs_state":
        // The agent repeats the result, and sends the state first.
        return log.warn(
          { jobId, agentId: this.agentId, stateSerial: Number(result.stateSerial) },
          "a result came before its last state",
        );
      case "needs_log":
        return this.#send({
          case: "resultAck",
          value: { claim: jobClaim, sealed: false, needLogFrom: BigInt(answer.from) },
        });
      case "sealed":
        this.#held.delete(jobId);
        this.release(jobId, held.job.epoch);
        log.info(
          {
            jobId,
            runId: held.job.runId,
            agentId: this.agentId,
            outcome: reportOf(result).outcome,
            exitCode: result.exitCode,
          },
          "job ended",
        );
        this.#send({ case: "resultAck", value: { claim: jobClaim, sealed: true } });
        this.#control.wake.notify(topics.jobs);
        this.#tellLiveness();
        if (this.#isLeaving && this.#reserved.size === 0)
          this.#close(CloseReason.REVOKED, "the agent token was revoked");
    }
  }

  async #goodbye(reason: string): Promise<void> {
    this.#control.log.info({ agentId: this.agentId, name: this.name, reason }, "agent said good-bye");
    this.#isLeaving = true;
    this.#control.presence.leave(this);
    await this.#saveAgent((row) => ({ ...row, status: "exited", lastSeenAt: this.#control.clock.now() }));
    this.#agent = { ...this.#agent, status: "exited" };
    this.#end();
  }

  #tellLiveness(): void {
    if (this.#agent.status === "exited") return;
    this.#liveness.heard({
      agentId: this.agentId,
      status: this.#reserved.size > 0 ? "busy" : "idle",
      at: this.#control.clock.now(),
    });
  }

  async #saveAgent(change: (row: Agent) => Agent): Promise<void> {
    const saved = await this.#control.store.write(async (tx) => {
      const row = await tx.agents.get(this.agentId);
      if (row === undefined) return undefined;
      await tx.agents.save(change(row));
      return change(row);
    });
    if (saved !== undefined) this.#agent = saved;
  }

  /** Work that the stream does not wait for; if it fails, the stream ends and the agent comes back and repeats. */
  #beside(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#control.log.warn(
        { err: error, agentId: this.agentId },
        "a message could not be handled: the stream is closed",
      );
      this.out.close(error);
    });
  }

  #send(message: Message): void {
    const response = create(SessionResponseSchema, { message });
    this.out.push("control", response, 64);
  }

  #close(reason: CloseReason, detail: string): void {
    this.#send({ case: "close", value: { reason, detail } });
    this.#end();
  }

  #end(): void {
    this.#ended.abort();
    this.out.end();
  }
}
