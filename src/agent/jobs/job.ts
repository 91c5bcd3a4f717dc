import { create } from "@bufbuild/protobuf";
import {
  type JobInputs,
  type ResultAck,
  type ResumeDecision,
  SessionMessage,
  type StartDecision,
  StartRequestSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import {
  DesiredState,
  type HeldJob,
  HeldJobSchema,
  type JobClaim,
  JobPhase,
} from "../../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ClaimKey } from "../contract/claim.ts";
import type { Freshness } from "../contract/freshness.ts";
import type { LogSource, PendingMessage } from "../contract/session-host.ts";
import type { JobFiles, StoredSpec } from "./files.ts";
import type { Journal, StoredResult } from "./journal.ts";
import { Lease } from "./lease.ts";
import { bareResult, resultMessage, type Stage, stageOf } from "./messages.ts";
import { StateLack } from "./state-lack.ts";

/** Whether the control plane lets a job start. */
export type StartAnswer = { readonly kind: "granted" } | { readonly kind: "refused"; readonly reason: string };

/** What can be said of a job's log at a moment. */
export type LogView = Pick<LogSource, "end" | "isComplete" | "read">;

const noLog: LogView = { end: 0, isComplete: false, read: async () => new Uint8Array() };

export interface JobParts {
  readonly key: ClaimKey;
  readonly claim: JobClaim;
  readonly stored: StoredSpec;
  readonly files: JobFiles;
  readonly journal: Journal;
  /** True for a job that an earlier process of this agent took. */
  readonly isRestored: boolean;
  readonly incarnation: string;
  readonly clock: Clock;
  /** Whether what the control plane said of it can still be believed. */
  readonly freshness: Freshness;
  /** Called whenever the job wants to say something else than before, or its log has grown. */
  readonly onChange: (kind: "message" | "log" | "preparing" | "desired") => void;
}

const maxPreparing = 512; // As the protocol has it.
/** `downloads … (12 of 60 MB)` without what stands in the brackets. */
const withoutProgress = (doing: string): string => doing.replace(/ \([^()]*\)$/, "");

/** One claim on one job: what is wanted of it, how far it is, and what it wants to say. It does nothing by itself. */
export class AgentJob {
  readonly #parts: JobParts;
  /** How long the claim is this agent's without another word of the control plane. */
  readonly lease: Lease;
  readonly #canceled = new AbortController();
  readonly #forced = new AbortController();
  readonly #gone = new AbortController();
  readonly #confirmed = Promise.withResolvers<void>();
  readonly #grant = Promise.withResolvers<StartAnswer>();
  readonly #sealed = Promise.withResolvers<void>();
  readonly #refused = Promise.withResolvers<string>();
  #given: JobInputs | undefined;
  /** The state that came with the offer; empty if it has to be downloaded. It holds secrets. */
  offeredState: Uint8Array = new Uint8Array(0);
  readonly stateLack: StateLack;
  /** True while terraform or a hook runs: the agent has little to do for it. */
  isStepRunning = false;
  #stage: Stage;
  #log: LogView = noLog;
  #logSent = 0;
  #logAcknowledged = 0;
  #isLogClosed = false;
  /** The server takes no more of it, and the result says so. */
  #isLogLost = false;
  /** The whole result was refused: what is told is the part that cannot be. */
  #isResultBare = false;
  /** That was refused as well: nothing more is said. */
  #isResultRefused = false;
  #isSealed = false;
  #stateSerial = 0;
  #resourcesDone = 0;
  #preparing = "";
  #desired: DesiredState = DesiredState.UNSPECIFIED;
  /** What cannot be done for it because of what stands in the way, by what it is. */
  readonly #wayProblems = new Map<string, string>();
  #delivering = "";
  #receivedBytes = 0;

  constructor(parts: JobParts) {
    this.#parts = parts;
    this.lease = new Lease(parts.clock);
    this.stateLack = new StateLack(() => parts.onChange("message"));
    this.#stage = parts.isRestored ? { kind: "waiting" } : { kind: "preparing" };
    if (!parts.isRestored) this.#confirmed.resolve();
  }

  get key(): ClaimKey {
    return this.#parts.key;
  }

  get claim(): JobClaim {
    return this.#parts.claim;
  }

  get spec(): StoredSpec["job"] {
    return this.#parts.stored.job;
  }

  get clusterGeneration(): string {
    return this.#parts.stored.clusterGeneration;
  }

  get files(): JobFiles {
    return this.#parts.files;
  }

  get journal(): Journal {
    return this.#parts.journal;
  }

  get freshness(): Freshness {
    return this.#parts.freshness;
  }

  get isRestored(): boolean {
    return this.#parts.isRestored;
  }

  get isApply(): boolean {
    return this.spec.phase === JobPhase.APPLY;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** True while it takes a place of the agent's concurrency. */
  get takesPlace(): boolean {
    return !this.hasEnded;
  }

  /** True while the agent itself brings it on its way: somebody waits for each millisecond of it. */
  get isHurried(): boolean {
    const { kind } = this.#stage;
    return kind === "preparing" || kind === "asking" || (kind === "running" && !this.isStepRunning);
  }

  /** True once there is a result: what is still done for the job changes nothing of it. */
  get hasEnded(): boolean {
    return this.#stage.kind === "reporting" || this.#stage.kind === "over";
  }

  /** Aborted once the job is to end: interrupted, forced or no longer wanted. */
  get canceled(): AbortSignal {
    return this.#canceled.signal;
  }

  /** Aborted once terraform's processes are to be ended at once. */
  get forced(): AbortSignal {
    return this.#forced.signal;
  }

  /** Aborted once nobody waits for the job. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves once the control plane has said, in this process, what it wants of the job. */
  get confirmed(): Promise<void> {
    return this.#confirmed.promise;
  }

  get granted(): Promise<StartAnswer> {
    return this.#grant.promise;
  }

  /** What came with the grant; undefined if it has to be asked for. It holds secrets. */
  get given(): JobInputs | undefined {
    return this.#given;
  }

  /** Resolves once the control plane has everything. */
  get sealed(): Promise<void> {
    return this.#sealed.promise;
  }

  /** Resolves with why the control plane takes no result of it. */
  get resultRefused(): Promise<string> {
    return this.#refused.promise;
  }

  get isLogLost(): boolean {
    return this.#isLogLost;
  }

  get isSealed(): boolean {
    return this.#isSealed;
  }

  get log(): LogSource {
    const [{ end, isComplete }, read] = [this.#log, (at: number, most: number) => this.#log.read(at, most)];
    return { key: this.key, claim: this.claim, end, isComplete, read };
  }

  enter(stage: Stage): void {
    this.#stage = stage;
    this.#parts.onChange("message");
  }

  /** From now on this is the job's log. */
  showLog(log: LogView): void {
    this.#log = log;
    this.#parts.onChange("log");
  }

  logGrew(): void {
    this.#parts.onChange("log");
  }

  noteState(serial: number): void {
    this.#stateSerial = Math.max(this.#stateSerial, serial);
  }

  noteProgress(resourcesDone: number): void {
    this.#resourcesDone = resourcesDone;
  }

  /**
   * What takes long while it is prepared; empty is nothing. People hear at once that it has begun, and later how far it
   * is.
   */
  notePreparing(doing: string): void {
    const isOther = doing !== "" && withoutProgress(doing) !== withoutProgress(this.#preparing);
    this.#preparing = doing;
    if (isOther) this.#parts.onChange("preparing");
  }

  /**
   * What stands in the way of something that is done for it, as the end of a sentence; empty is nothing. People hear of
   * it at once.
   */
  noteWayProblem(what: string, problem: string): void {
    if ((this.#wayProblems.get(what) ?? "") === problem) return;
    if (problem === "") this.#wayProblems.delete(what);
    else this.#wayProblems.set(what, problem);
    this.#parts.onChange("preparing");
  }

  /** What takes long to deliver; empty is nothing. */
  noteDelivering(doing: string): void {
    const isOther = doing !== "" && withoutProgress(doing) !== withoutProgress(this.#delivering);
    this.#delivering = doing;
    if (isOther) this.#parts.onChange("preparing");
  }

  /** So many more bytes of what it needs have come: its offer lasts as long as some do. */
  noteReceived(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** Wishes only grow: what was asked for once is not taken back. They end nothing of a job that has ended. */
  desire(desired: DesiredState): void {
    // A wish of a newer server is none that could be fulfilled here.
    if (desired === DesiredState.UNSPECIFIED || desired > DesiredState.GONE) return;
    if (desired === DesiredState.FORCE && !this.hasEnded) this.#forced.abort();
    if (desired >= DesiredState.GONE) this.#gone.abort();
    if (desired >= DesiredState.CANCEL && !this.hasEnded) this.#canceled.abort();
    this.#confirmed.resolve();
    this.#heard(desired);
  }

  /** Whoever waits for the wish to be fulfilled sees at once that it has arrived. */
  #heard(desired: DesiredState): void {
    if (desired <= this.#desired) return;
    this.#desired = desired;
    if (desired === DesiredState.CANCEL || desired === DesiredState.FORCE) this.#parts.onChange("desired");
  }

  resume(decision: ResumeDecision): void {
    this.#logSent = Number(decision.logNextOffset);
    this.#acknowledgeLog(Number(decision.logNextOffset), false);
    this.desire(decision.desired);
    if (decision.sealed) this.#seal();
  }

  /** A decision about a start that nobody has asked for, or that is bound to another incarnation, changes nothing. */
  decide(decision: StartDecision): void {
    if (this.#stage.kind !== "asking") return;
    if (!decision.granted) this.#grant.resolve({ kind: "refused", reason: decision.reason });
    else if (decision.incarnation === this.#parts.incarnation) {
      this.lease.renew(this.#parts.clock.monotonicMs());
      this.#given = decision.inputs;
      this.#grant.resolve({ kind: "granted" });
    }
  }

  /** The result goes behind the last of its log, on the same stream. */
  logSent(offset: number): void {
    this.#logSent = offset;
    if (this.#stage.kind === "reporting" && offset >= this.#stage.result.logBytes) this.#parts.onChange("message");
  }

  acknowledgeLog(offset: number, closed: boolean): void {
    this.#acknowledgeLog(offset, closed);
    this.#parts.onChange("message");
  }

  acknowledgeResult({ sealed, needLogFrom }: ResultAck): void {
    if (sealed) {
      this.#seal();
      return;
    }
    this.#logAcknowledged = Number(needLogFrom);
    this.#logSent = this.#logAcknowledged;
    this.#parts.onChange("message");
  }

  /** Nothing is sent again as it was: a log ends where it is, a result loses its texts and lists, a start is none. */
  refused(message: SessionMessage, detail: string): void {
    switch (message) {
      case SessionMessage.LOG_CHUNK:
        this.#isLogLost = true;
        this.#isLogClosed = true;
        this.#parts.onChange("message");
        break;
      case SessionMessage.START_REQUEST:
        this.#grant.resolve({ kind: "refused", reason: detail });
        break;
      case SessionMessage.JOB_RESULT:
        this.#isResultRefused = this.#isResultBare;
        if (this.#isResultRefused) this.#refused.resolve(detail);
        this.#isResultBare = true;
        break;
      default:
        break;
    }
  }

  held(): HeldJob {
    return create(HeldJobSchema, {
      claim: this.claim,
      stage: stageOf(this.#stage),
      logEnd: BigInt(this.#log.end),
      stateSerial: BigInt(this.#stateSerial),
      resourcesDone: this.#resourcesDone,
      preparing: this.#preparing.slice(0, maxPreparing),
      desired: this.#desired,
      wayProblem: [...this.#wayProblems.values()].join("; ").slice(0, maxPreparing),
      delivering: this.#delivering.slice(0, maxPreparing),
      receivedBytes: BigInt(this.#receivedBytes),
    });
  }

  /** What it wants said now; a result follows the log, so that it never overtakes it. */
  pendingMessage(): PendingMessage | undefined {
    const stage = this.#stage;
    if (stage.kind === "asking") {
      const { incarnation } = this.#parts;
      const { engineMissing } = stage;
      const value = create(StartRequestSchema, { claim: this.claim, incarnation, engineMissing });
      return { key: this.key, message: { case: "startRequest", value } };
    }
    const isSilent = this.#isResultRefused || this.stateLack.isOpen || stage.kind !== "reporting";
    if (isSilent || !this.#isLogDelivered(stage.result)) return undefined;
    const told = resultMessage(this.#told, { ...stage.result, isLogLost: this.#isLogLost });
    return { key: this.key, message: { case: "jobResult", value: this.#isResultBare ? bareResult(told) : told } };
  }

  get #told() {
    return { claim: this.claim, engine: this.spec.engine };
  }

  #seal(): void {
    this.#isSealed = true;
    this.#sealed.resolve();
  }

  #isLogDelivered({ logBytes }: StoredResult): boolean {
    return this.#isLogClosed || Math.max(this.#logSent, this.#logAcknowledged) >= logBytes;
  }

  #acknowledgeLog(offset: number, closed: boolean): void {
    this.#logAcknowledged = offset;
    this.#isLogClosed ||= closed;
  }
}

/** What names a job in the agent's own log. */
export const idsOf = ({ claim, spec }: AgentJob) => ({
  "job.id": claim.jobId,
  "run.id": spec.runId,
  epoch: Number(claim.epoch),
  workspace: spec.workspace,
});
