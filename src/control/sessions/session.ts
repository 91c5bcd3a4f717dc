import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Agent, type AgentEngines, labelsOf } from "../../domain/agents/agent.ts";
import type { Labels } from "../../domain/agents/label-selector.ts";
import { type Job, leaseMs } from "../../domain/runs/job.ts";
import type { JobFeature } from "../../domain/runs/job-features.ts";
import {
  CloseReason,
  type Heartbeat,
  type OfferDecline,
  type SessionResponse,
  SessionResponseSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { HeldJob } from "../../gen/windlass/agent/v1/job_pb.ts";
import { OutQueue } from "../../lib/async/queue.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { type AgentId, isId, type JobId, type PoolId } from "../../lib/words/ids.ts";
import { type Control, topics } from "../core/control.ts";
import type { ConnectedAgent, PartingReason } from "../core/presence.ts";
import { desiredOf } from "../runs/desired-state.ts";
import { unwantedClaims, withKept } from "../runs/kept.ts";
import { enginesOf, UnmetRequirements } from "./agent-engines.ts";
import { Arrivals } from "./arrivals.ts";
import { SessionClaims } from "./claims.ts";
import { besideOf, closeReasons, closing, type Heard, type Outgoing, refusalOf, refused } from "./hearing.ts";
import { LastWord } from "./last-word.ts";
import type { Liveness } from "./liveness.ts";
import type { Resumed } from "./resume.ts";
import { SessionRoom } from "./room.ts";
import { changeAgentRow, noRows, WantedRows } from "./rows.ts";
import { talkOfUpdates } from "./updates.ts";
import { SessionWay } from "./way.ts";
import { heartbeatReply } from "./wire.ts";

/** What one session may have queued towards a slow agent before the stream is closed. Invariant I16. */
const outLimits = { maxItems: 4096, maxBytes: 1024 * 1024 };
const messageBytes = 64; // In that queue. All are small but for `besideOf`.
const comeBackMs = 2_000; // How long an agent that is sent away waits at the most.

/** What a session may still do. It goes down this list, never up; its stream may end in each state. */
type SessionState =
  | { readonly kind: "open" }
  /** The agent's token is spent: what it holds is finished, nothing is started. */
  | { readonly kind: "finishing"; readonly why: string }
  /** It has said good-bye, or was sent away: its row says so. */
  | { readonly kind: "leaving" };

/**
 * One connected agent. It reads typed messages and fills a queue of typed messages: what carries them is not its
 * business. Its truth is in the database; what it keeps itself can be lost with the stream.
 */
export class AgentSession implements ConnectedAgent {
  readonly out = new OutQueue<SessionResponse>(outLimits);
  readonly sessionEpoch: number;
  readonly poolId: PoolId | null;
  readonly bootId: string;
  readonly labels: Labels;
  readonly features: ReadonlySet<JobFeature>;
  readonly way: SessionWay;
  readonly #control: Control;
  readonly #liveness: Liveness;
  readonly #claims: SessionClaims;
  readonly #wanted: WantedRows;
  readonly #word: LastWord;
  readonly #unmet = new UnmetRequirements();
  readonly #ended = new AbortController();
  #agent: Agent;
  #state: SessionState;
  readonly #room: SessionRoom;
  readonly #arrivals = new Arrivals();

  constructor(control: Control, liveness: Liveness, { agent, features, held, spent, wayProblem }: Resumed) {
    this.#control = control;
    this.#liveness = liveness;
    this.#agent = agent;
    this.#state = spent === undefined ? { kind: "open" } : { kind: "finishing", why: spent };
    this.way = new SessionWay(wayProblem);
    this.#room = new SessionRoom(control, agent.id);
    this.#wanted = new WantedRows(control, agent.id);
    this.sessionEpoch = agent.sessionEpoch;
    this.poolId = agent.poolId;
    this.bootId = agent.bootId;
    this.labels = labelsOf(agent);
    this.features = features;
    this.#word = new LastWord(control, agent.lastSeenAt);
    const host = {
      agentId: agent.id,
      incarnation: agent.incarnation,
      send: (message: Outgoing) => this.#send(message),
      mayStart: () => this.#state.kind === "open",
      onFree: () => {
        control.presence.noteWork(this);
        this.#tellLiveness();
        this.#closeIfDone();
      },
    };
    this.#claims = new SessionClaims(control, host, held);
  }

  get agentId(): AgentId {
    return this.#agent.id;
  }

  get name(): string {
    return this.#agent.name;
  }

  get address(): string {
    return this.#agent.address;
  }

  get version(): string {
    return this.#agent.version;
  }

  get concurrency(): number {
    return this.#agent.concurrency;
  }

  get engines(): AgentEngines | null {
    return this.#agent.engines;
  }

  get unmet(): ReadonlyMap<string, string> {
    return this.#unmet.at(this.#control.clock.monotonicMs());
  }

  noteUnmet(wish: string, why: string): void {
    this.#unmet.note(wish, { why, atMs: this.#control.clock.monotonicMs() });
  }

  get heardAtMs(): number {
    return this.#word.heardAtMs;
  }

  get heardAt(): Date {
    return this.#word.heardAt;
  }

  get jobs(): ReadonlyMap<JobId, number> {
    return this.#claims.running;
  }

  get takesJobs(): boolean {
    const { isPaused, isDraining } = this.#agent;
    if (isPaused || isDraining || this.#word.isLongAgo || this.#state.kind !== "open") return false;
    return this.out.state.kind === "open" && this.#room.lacks === "";
  }

  get refusal(): string {
    return this.#room.refusal;
  }

  readonly whyDeclined = (jobId: JobId): string | undefined => this.#room.whyDeclined(jobId);

  get freeDiskBytes(): bigint {
    return this.#room.freeBytes;
  }

  reserve(jobId: JobId, epoch: number): boolean {
    if (!this.takesJobs || this.jobs.size >= this.concurrency) return false;
    this.#control.presence.noteWork(this);
    this.#claims.reserve(jobId, epoch);
    return true;
  }

  readonly release = (jobId: JobId, epoch: number): void => this.#claims.release(jobId, epoch);

  async offer(job: Job): Promise<void> {
    await this.#claims.offer(job);
    this.#tellLiveness();
  }

  warn(text: string): void {
    if (this.#agent.warning !== text) this.#beside(this.#saveAgent((row) => ({ ...row, warning: text })));
  }

  close(reason: PartingReason | keyof typeof closeReasons, detail: string): void {
    switch (reason) {
      case "draining":
        this.#send({ case: "reconnect", value: { after: durationFromMs(0), maxDelay: durationFromMs(comeBackMs) } });
        this.#end();
        break;
      case "superseded":
      case "deleted":
        this.#close(reason === "deleted" ? CloseReason.DELETED : CloseReason.SUPERSEDED, detail);
        break;
      case "protocol":
      case "flood":
        this.#control.log.warn({ agentId: this.agentId, reason }, "an agent broke the protocol: its stream ends");
        this.#close(closeReasons[reason], detail);
        break;
      case "revoked":
        // Its running jobs still report over this stream; it gets no others.
        if (this.#state.kind === "open") this.#state = { kind: "finishing", why: detail };
        this.#closeIfDone();
    }
  }

  /** Sends what is wanted whenever it changes; the heartbeat repeats it. Ends with the session. */
  async watch(): Promise<void> {
    const { wake, log } = this.#control;
    const topic = topics.agent(this.agentId);
    while (!this.#ended.signal.aborted) {
      const seen = wake.version(topic);
      await this.#refresh().catch((error: unknown) =>
        log.warn({ err: error, agentId: this.agentId }, "what is wanted of an agent could not be read"),
      );
      await wake.changedSince(topic, seen, { signal: this.#ended.signal }).catch(() => {});
    }
  }

  /** Handles one message. Log bytes and results are handled beside the stream, so that nothing waits behind them. */
  async handle(heard: Exclude<Heard, { kind: "unreadable" }>): Promise<void> {
    this.#word.hear();
    const { message } = heard.request;
    if (message.case === "hello") return this.close("protocol", "hello comes once, first");
    if (heard.kind === "broken") return this.#refuse(heard);
    switch (message.case) {
      case "heartbeat":
        return this.#heartbeat(message.value);
      case "startRequest":
        return this.#claims.start(message.value);
      case "offerDecline":
        return this.#decline(message.value);
      case "logChunk":
        this.#beside(this.#claims.log(message.value));
        return;
      case "jobResult":
        this.#beside(this.#claims.result(message.value));
        return;
      case "goodbye":
        return this.#goodbye(message.value.reason);
      case undefined: // A message of a newer agent.
    }
  }

  #refuse(broken: Extract<Heard, { kind: "broken" }>): void {
    const about = { agentId: this.agentId, rule: broken.rule, kind: broken.request.message.case };
    this.#control.log.warn(about, "a message of an agent was refused");
    this.#send(refused(refusalOf(broken)));
  }

  /** Takes its place, with what the agent said that it holds: what an older stream of it knew is over. */
  enter(held: readonly HeldJob[]): void {
    const { presence, clock } = this.#control;
    presence.enter(this);
    presence.noteProgress(this.agentId, held);
    for (const job of held) this.#renew(job, this.#claims.rows, clock.now());
    this.#tellLiveness();
  }

  /** Leaves; the agent's row says soon when it was heard. */
  leave(): void {
    this.#ended.abort();
    this.out.close();
    const left = this.way.leave(this.#control, this);
    this.#beside(left.then((hasLeft) => (hasLeft ? this.#tellLiveness() : undefined)));
  }

  /** The agent has ended its side. If its next stream comes at once, nobody is to see that there was none. */
  handOver(): void {
    if (this.#state.kind !== "leaving") this.way.end();
    this.out.end();
  }

  async #heartbeat({ jobs, draining, kept, engines, update, ...heard }: Heartbeat): Promise<void> {
    // Who waits for an agent, or looks at it, sees it at once.
    for (const topic of this.#room.hear(heard) ? [topics.jobs, topics.agents] : []) this.#control.wake.notify(topic);
    if (this.way.hear(heard)) this.#control.wake.notify(topics.agents);
    const isKnown = jobs.length + this.#claims.epochs.size === 0 && this.#wanted.isFresh;
    const rows = isKnown ? noRows : await this.#refresh();
    const now = this.#control.clock.now();
    const commands = jobs.map((held) => this.#renew(held, rows, now));
    this.#control.presence.noteProgress(this.agentId, jobs);
    await this.#claims.giveUp(new Set(jobs.map(({ claim }) => claim?.jobId)), rows);
    this.#tellLiveness();
    if (draining && !this.#agent.isDraining) await this.#saveAgent((row) => ({ ...row, isDraining: true }));
    if (engines !== undefined) await this.#changeEngines(enginesOf(engines));
    if (withKept(this.#agent, kept) !== undefined) await this.#saveAgent((row) => withKept(row, kept) ?? row);
    const talked = await talkOfUpdates(this.#control, this.#agent, update);
    this.#agent = talked.agent;
    this.#send(heartbeatReply({ now, ...this.#control.timing, jobs: commands, ...talked }));
  }

  /** Jobs that could not be done here, or only here, may go elsewhere now. */
  async #changeEngines(engines: AgentEngines): Promise<void> {
    this.#unmet.clear();
    await this.#saveAgent((row) => ({ ...row, engines }));
    for (const topic of [topics.jobs, topics.agents]) this.#control.wake.notify(topic);
  }

  /** Extends the lease of a started job, and says what is wanted of it. */
  #renew({ claim, receivedBytes }: HeldJob, rows: ReadonlyMap<JobId, Job>, now: Date) {
    const jobId = claim?.jobId ?? "";
    const row = isId("job", jobId) ? this.#claims.current(rows.get(jobId), Number(claim?.epoch ?? 0n)) : undefined;
    const forMs = row === undefined ? 0 : leaseMs(row, this.#control.timing.leases);
    if (row !== undefined && (row.status === "started" || this.#arrivals.note(row, receivedBytes, now))) {
      this.#liveness.renew({ jobId: row.id, epoch: row.epoch, until: new Date(now.getTime() + forMs) });
    }
    return { claim, desired: desiredOf(row), lease: durationFromMs(forMs) };
  }

  /** Reads what is wanted of the agent and its jobs, and tells it what is new. */
  async #refresh(): Promise<ReadonlyMap<JobId, Job>> {
    const asked = this.#claims.epochs;
    const { agent, spent, jobs } = await this.#wanted.read([...asked.keys()]);
    if (agent === undefined) this.close("deleted", "the agent was deleted");
    else if (agent.sessionEpoch > this.sessionEpoch) this.close("superseded", "a newer stream of this agent is there");
    else this.#wish(agent);
    const rows = new Map(jobs.map((job) => [job.id, job]));
    this.#claims.command(rows, asked);
    if (spent !== undefined) this.close("revoked", spent);
    else this.#closeIfDone();
    return rows;
  }

  #wish(agent: Agent): void {
    const wasOpen = this.takesJobs;
    if (agent.isDraining && !this.#agent.isDraining) {
      this.#send({ case: "drain", value: { reason: agent.pauseReason || "an operator asked the agent to drain" } });
    }
    const removeKept = unwantedClaims(agent);
    if (removeKept.length > unwantedClaims(this.#agent).length)
      this.#send({ case: "removeKept", value: { claims: removeKept } });
    this.#agent = agent;
    if (!wasOpen && this.takesJobs) this.#control.wake.notify(topics.jobs);
  }

  async #decline(declined: OfferDecline): Promise<void> {
    const { presence, clock } = this.#control;
    const [jobId, reason] = [declined.claim?.jobId ?? "", oneLine(declined.reason) || "it gave no reason"];
    if (isId("job", jobId)) presence.noteDecline(this.agentId, { jobId, reason }, clock.monotonicMs());
    await this.#claims.decline(declined);
  }

  async #goodbye(reason: string): Promise<void> {
    this.#control.log.info({ agentId: this.agentId, name: this.name, reason }, "agent said good-bye");
    this.#state = { kind: "leaving" };
    this.#control.presence.leave(this);
    await this.#exit();
    this.#end();
  }

  /** An agent whose token is spent goes when nothing of its jobs is missing any more. */
  #closeIfDone(): void {
    if (this.#state.kind !== "finishing" || this.#claims.hasOpen) return;
    const { why } = this.#state;
    this.#state = { kind: "leaving" };
    this.#beside(this.#sendAway(why));
  }

  async #sendAway(why: string): Promise<void> {
    await this.#exit().finally(() => {
      this.#close(CloseReason.REVOKED, why);
      this.#control.wake.notify(topics.agents);
    });
  }

  readonly #exit = () => this.#saveAgent((row) => ({ ...row, status: "exited", lastSeenAt: this.heardAt }));

  /** What is known of it goes to its row, with when it was heard. */
  #tellLiveness(): void {
    if (this.#state.kind === "leaving" || !this.#word.tell()) return;
    const status = this.jobs.size > 0 ? "busy" : "idle";
    this.#liveness.heard({ agentId: this.agentId, status, at: this.heardAt });
  }

  async #saveAgent(change: (row: Agent) => Agent): Promise<void> {
    this.#agent = (await changeAgentRow(this.#control, this.agentId, change)) ?? this.#agent;
  }

  /** Work that the stream does not wait for; if it fails, the stream ends, and the agent comes back and repeats. */
  #beside(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#control.log.warn({ err: error, agentId: this.agentId }, "a message was not handled: the stream ends");
      this.out.close(error);
    });
  }

  #send(message: Outgoing): void {
    this.out.push("control", create(SessionResponseSchema, { message }), messageBytes + besideOf(message));
  }

  #close(reason: CloseReason, detail: string): void {
    this.#send(closing(reason, detail));
    this.#end();
  }

  #end(): void {
    this.#ended.abort();
    this.out.end();
  }
}
