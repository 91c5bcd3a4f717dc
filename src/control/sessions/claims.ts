import type { Job, LogProblem } from "../../domain/runs/job.ts";
import { logProblemText } from "../../domain/runs/log-problem.ts";
import {
  type JobResult,
  type LogChunk,
  type OfferDecline,
  RefusalReason,
  SessionMessage,
  type StartRequest,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, type JobClaim } from "../../gen/windlass/agent/v1/job_pb.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { type AgentId, isId, type JobId } from "../../lib/words/ids.ts";
import { type Control, topics } from "../core/control.ts";
import { giveElsewhere } from "../jobs/engine-elsewhere.ts";
import { type Claim, claimed, declineOffer, grantStart, losePlan, takeReport } from "../jobs/results.ts";
import { offeredJob } from "../jobs/spec.ts";
import { toldInputs } from "../jobs/told-inputs.ts";
import { desiredOf } from "../runs/desired-state.ts";
import { appendLog } from "../runs/logs.ts";
import { type Outgoing, refused } from "./hearing.ts";
import type { HeldClaim } from "./resume.ts";
import { reportOf } from "./wire.ts";

/** The session that the claims belong to. */
export interface ClaimHost {
  readonly agentId: AgentId;
  readonly incarnation: string;
  send(message: Outgoing): void;
  /** False when the agent may only finish what it has started. */
  mayStart(): boolean;
  /** Hears that a job no longer counts against the agent's concurrency. */
  onFree(): void;
}

/** The agent cuts a log at its cap; bytes beyond it by more than this are refused. */
const logSlackBytes = 1024 * 1024;

/** So many windows of bytes that are not stored yet are held for one agent: what it sends again counts twice. */
const mostWindows = 2;

/** How far a log is. */
interface LogState {
  readonly nextOffset: number;
  readonly rewind: boolean;
  readonly closed: boolean;
}

interface Held {
  readonly job: Job;
  /** Appends on their way, so that a result waits for them. */
  appending: Promise<unknown>;
  /** What an acknowledgement will say that is due. */
  ackOffset: number | undefined;
  /** What the agent was last told. */
  told: DesiredState;
  /** True while something of it may still come. */
  isOpen: boolean;
}

/** How an agent asks for a start. */
type Asking = Pick<StartRequest, "incarnation" | "engineMissing">;

interface Found {
  readonly held: Held;
  readonly claim: Claim;
}

/** The claims that one session may speak about, and what is said about them. */
export class SessionClaims {
  readonly #control: Control;
  readonly #host: ClaimHost;
  readonly #held = new Map<JobId, Held>();
  readonly #running = new Map<JobId, number>();
  /** Of all logs. */
  #unstoredBytes = 0;

  constructor(control: Control, host: ClaimHost, held: readonly HeldClaim[]) {
    this.#control = control;
    this.#host = host;
    for (const claim of held) this.#hold(claim);
  }

  /** Jobs that count against the agent's concurrency: id to epoch. */
  get running(): ReadonlyMap<JobId, number> {
    return this.#running;
  }

  get hasOpen(): boolean {
    return [...this.#held.values()].some(({ isOpen }) => isOpen);
  }

  /** Ids and epochs of what is held now. */
  get epochs(): ReadonlyMap<JobId, number> {
    return new Map([...this.#held].map(([id, { job }]) => [id, job.epoch]));
  }

  /** Jobs as they were when this session heard of them first. */
  get rows(): ReadonlyMap<JobId, Job> {
    return new Map([...this.#held].map(([id, { job }]) => [id, job]));
  }

  reserve(jobId: JobId, epoch: number): void {
    this.#running.set(jobId, epoch);
  }

  release(jobId: JobId, epoch: number): void {
    if (this.#running.get(jobId) === epoch) this.#running.delete(jobId);
  }

  /** Sends the agent a job that was claimed for it. */
  async offer(job: Job): Promise<void> {
    const held = this.#hold({ job, isRunning: true });
    try {
      this.#host.send({ case: "offer", value: await offeredJob(this.#control, job) });
    } catch (error) {
      this.#forget({ held, claim: { jobId: job.id, epoch: job.epoch, agentId: this.#host.agentId } });
      throw error;
    }
  }

  /**
   * Tells the agent what has changed of what is wanted of its jobs. Of those that were offered since the rows were asked for, with
   * these epochs, they tell nothing: the agent would be told to forget a job that it was just given.
   */
  command(rows: ReadonlyMap<JobId, Job>, asked: ReadonlyMap<JobId, number>): void {
    for (const [jobId, held] of this.#held) {
      if (asked.get(jobId) !== held.job.epoch) continue;
      const row = this.current(rows.get(jobId), held.job.epoch);
      held.isOpen = row !== undefined && !row.isLogClosed;
      const desired = desiredOf(row);
      if (desired === held.told) continue;
      held.told = desired;
      this.#host.send({
        case: "jobCommand",
        value: { claim: { jobId, epoch: BigInt(held.job.epoch) }, desired },
      });
      // Its log may still come.
      if (desired === DesiredState.GONE) this.#free(jobId, held);
    }
  }

  /** The row, if this agent's claim of that epoch is its present one. */
  current(row: Job | undefined, epoch: number): Job | undefined {
    return row !== undefined && row.epoch === epoch && row.agentId === this.#host.agentId ? row : undefined;
  }

  /** Answers whether the agent may start a job. */
  async start({ claim, incarnation, engineMissing }: StartRequest): Promise<void> {
    const found = this.#find(claim);
    const why = found === undefined ? "the claim is over" : await this.#grant(found, { incarnation, engineMissing });
    failpoint("server.start-granted");
    if (why !== undefined && found !== undefined && (await this.#isInterrupted(found))) {
      // Its journal comes before terraform: who asks has not begun, and the result of the canceled job says so.
      this.#host.send({ case: "jobCommand", value: { claim: named(claim), desired: DesiredState.CANCEL } });
      return;
    }
    const inputs = why === undefined && found !== undefined ? await toldInputs(this.#control, found.claim) : undefined;
    const decision = { claim: named(claim), granted: why === undefined, reason: why ?? "", incarnation };
    this.#host.send({ case: "startDecision", value: { ...decision, ...(inputs && { inputs }) } });
  }

  async #isInterrupted({ claim }: Found): Promise<boolean> {
    const job = await this.#control.store.read((q) => q.jobs.get(claim.jobId));
    return claimed(job, claim)?.status === "interrupted";
  }

  async #grant({ held, claim }: Found, asking: Asking): Promise<string | undefined> {
    const { incarnation, engineMissing } = asking;
    if (incarnation !== this.#host.incarnation) return "the grant belongs to another journal";
    const why =
      (engineMissing === "" ? undefined : await giveElsewhere(this.#control, claim, engineMissing)) ??
      (await grantStart(this.#control, claim, { incarnation, mayStart: this.#host.mayStart() }));
    const { jobId, epoch } = claim;
    if (why !== undefined) this.#free(jobId, held);
    else {
      const { phase, queuedAt } = held.job;
      this.#control.observer.jobStarted(phase, this.#control.clock.now().getTime() - queuedAt.getTime());
      this.#control.log.info({ jobId, runId: held.job.runId, epoch, agentId: claim.agentId }, "job started");
    }
    return why;
  }

  /** Puts a job back that the agent does not want. */
  async decline({ claim, reason }: OfferDecline): Promise<void> {
    const found = this.#find(claim);
    if (found === undefined) return;
    const { jobId, agentId } = found.claim;
    this.#forget(found);
    this.#control.log.warn({ jobId, agentId, reason }, "agent declined a job");
    await declineOffer(this.#control, found.claim);
  }

  /** A started plan that the agent no longer names was given up there: nobody has to wait for the end of its lease. */
  async giveUp(named: ReadonlySet<string | undefined>, rows: ReadonlyMap<JobId, Job>): Promise<void> {
    for (const [jobId, held] of [...this.#held]) {
      const row = this.current(rows.get(jobId), held.job.epoch);
      if (row?.status !== "started" || row.phase !== "plan" || named.has(jobId)) continue;
      const claim = { jobId, epoch: row.epoch, agentId: this.#host.agentId };
      this.#forget({ held, claim });
      this.#control.log.warn({ jobId, runId: row.runId, agentId: claim.agentId }, "agent gave up a plan");
      await losePlan(this.#control, claim);
    }
  }

  /** Stores log bytes; the acknowledgement follows the commit. */
  async log({ claim, offset, chunk }: LogChunk): Promise<void> {
    const found = this.#find(claim);
    const limit = this.#control.limits.maxLogBytes + logSlackBytes;
    if (found === undefined || Number(offset) + chunk.length > limit) {
      return this.#host.send({ case: "logAck", value: { claim: named(claim), nextOffset: offset, closed: true } });
    }
    // An agent that does not keep to its window sends again what is dropped here: the next piece makes a gap.
    if (this.#unstoredBytes > mostWindows * this.#control.limits.logWindowBytes) return;
    this.#control.logWindows.note(this.#host.agentId, chunk.length);
    const { held } = found;
    const append = this.#append(held, Number(offset), chunk);
    held.appending = Promise.allSettled([held.appending, append]);
    await append;
  }

  async #append(held: Held, offset: number, chunk: Uint8Array): Promise<void> {
    this.#unstoredBytes += chunk.length;
    const result = await appendLog(this.#control, held.job, { offset, chunk }).finally(() => {
      this.#unstoredBytes -= chunk.length;
    });
    failpoint("server.log-committed");
    this.#control.wake.notify(topics.log(held.job.id));
    if (result.kind === "appended") return this.#acknowledgeSoon(held, result.nextOffset);
    const [rewind, closed] = [result.kind === "gap", result.kind === "sealed"];
    this.#acknowledge(held, { nextOffset: result.nextOffset, rewind, closed });
  }

  /** Once for all pieces of a log that became durable together. */
  #acknowledgeSoon(held: Held, nextOffset: number): void {
    const isDue = held.ackOffset !== undefined;
    held.ackOffset = nextOffset;
    if (!isDue) setImmediate(() => this.#acknowledgeDue(held));
  }

  #acknowledgeDue(held: Held): void {
    const { ackOffset: nextOffset } = held;
    if (nextOffset !== undefined) this.#acknowledge(held, { nextOffset, rewind: false, closed: false });
  }

  #acknowledge(held: Held, { nextOffset, rewind, closed }: LogState): void {
    const { job } = held;
    held.ackOffset = undefined;
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    const windowBytes = BigInt(this.#control.logWindows.share(this.#control.limits.logWindowBytes));
    const value = { claim, nextOffset: BigInt(nextOffset), rewind, closed, windowBytes };
    this.#host.send({ case: "logAck", value });
  }

  /** Takes a result, or asks for what is still missing; the agent repeats it until it is sealed. */
  async result(result: JobResult): Promise<void> {
    const found = this.#find(result.claim);
    const claim = named(result.claim);
    if (found === undefined) return this.#sealed(claim, null);
    await found.held.appending;
    this.#acknowledgeDue(found.held);
    const report = reportOf(result);
    const answer = await takeReport(this.#control, found.claim, report);
    failpoint("server.result-committed");
    const { jobId, agentId } = found.claim;
    const { log } = this.#control;
    switch (answer.kind) {
      case "not_granted":
      case "needs_state":
        log.warn({ jobId, agentId, why: answer.kind, stateSerial: report.stateSerial }, "a result came too early");
        return this.#host.send(refused({ claim: result.claim, ...tooEarly[answer.kind] }));
      case "needs_log":
        return this.#host.send({
          case: "resultAck",
          value: { claim, sealed: false, needLogFrom: BigInt(answer.from) },
        });
      case "sealed": {
        const { outcome, exitCode } = report;
        log.info({ jobId, runId: found.held.job.runId, agentId, outcome, exitCode }, "job ended");
        this.#control.observer.jobEnded(jobId);
        this.#sealed(claim, answer.logProblem);
        this.#forget(found);
      }
    }
  }

  #sealed(claim: NamedClaim, problem: LogProblem | null): void {
    const logProblem = problem === null ? "" : logProblemText(problem);
    this.#host.send({ case: "resultAck", value: { claim, sealed: true, logProblem } });
  }

  #hold({ job, isRunning }: HeldClaim): Held {
    const held = { job, appending: Promise.resolve(), ackOffset: undefined, told: DesiredState.RUN, isOpen: true };
    this.#held.set(job.id, held);
    if (isRunning) this.reserve(job.id, job.epoch);
    return held;
  }

  #find(claim: JobClaim | undefined): Found | undefined {
    const jobId = claim?.jobId ?? "";
    const held = isId("job", jobId) ? this.#held.get(jobId) : undefined;
    if (held === undefined || BigInt(held.job.epoch) !== claim?.epoch) return undefined;
    return { held, claim: { jobId: held.job.id, epoch: held.job.epoch, agentId: this.#host.agentId } };
  }

  #forget({ held, claim }: Found): void {
    this.#held.delete(claim.jobId);
    this.#free(claim.jobId, held);
  }

  #free(jobId: JobId, { job }: Held): void {
    this.release(jobId, job.epoch);
    this.#control.wake.notify(topics.jobs);
    this.#host.onFree();
  }
}

const message = SessionMessage.JOB_RESULT;

/** Results that are taken once something else has happened. */
const tooEarly = {
  not_granted: {
    message,
    reason: RefusalReason.NOT_GRANTED,
    rule: "result.before_grant",
    detail:
      "the job was never granted, so that it cannot have finished: send a start_request first, then this result again",
  },
  needs_state: {
    message,
    reason: RefusalReason.STATE_MISSING,
    rule: "result.state",
    detail: "the last state that the result names is not here: upload it with UploadState, then send this result again",
  },
} as const;

type NamedClaim = Pick<JobClaim, "jobId" | "epoch">;

const named = (claim: JobClaim | undefined): NamedClaim => ({ jobId: claim?.jobId ?? "", epoch: claim?.epoch ?? 0n });
