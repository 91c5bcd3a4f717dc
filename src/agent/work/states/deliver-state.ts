import { readFile } from "node:fs/promises";
import { linkSignals } from "../../../lib/async/abort.ts";
import { failpoint } from "../../../lib/program/failpoint.ts";
import { messageOf } from "../../../lib/values/errors.ts";
import type { StateSnapshot } from "../../../terraform/state/spool.ts";
import type { AsideState } from "../../../terraform/state/watcher.ts";
import { persist } from "../../contract/patience.ts";
import { type AgentJob, idsOf } from "../../jobs/job.ts";
import { isRefused, isTooLarge } from "../../transfers/artifacts.ts";
import { jot, note, noteIfPossible } from "../job-notes.ts";
import { type JobContext, patienceOf } from "../services.ts";
import { WayProblem } from "../way-problem.ts";

/** During an apply, no two uploads are closer than this. */
export const uploadEveryMs = 2_000;

/**
 * Uploads the snapshots of an apply: the newest one at most every two seconds while it runs, and the last one for certain.
 * Disposing it stops the uploads during the apply.
 */
export class StateDelivery implements AsyncDisposable {
  readonly #job: AgentJob;
  readonly #context: JobContext;
  readonly #onAcknowledged: (snapshot: StateSnapshot) => Promise<void>;
  readonly #over = new AbortController();
  #newest: StateSnapshot | undefined;
  /** Place in their order of the last snapshot that the control plane has. */
  #acknowledged = 0;
  #news = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  readonly #problem: WayProblem;

  constructor(job: AgentJob, context: JobContext, onAcknowledged: (snapshot: StateSnapshot) => Promise<void>) {
    this.#job = job;
    this.#context = context;
    this.#onAcknowledged = onAcknowledged;
    this.#problem = new WayProblem(job, context, "deliver the state");
    this.#running = this.#run();
  }

  /** There is a new snapshot. */
  offer(snapshot: StateSnapshot): void {
    this.#newest = snapshot;
    this.#job.noteState(snapshot.serial);
    this.#news.resolve();
  }

  /**
   * Uploads the last state, and does not give up: only when the claim is over and the control plane refuses it for good,
   * the state stays here, in a directory that is kept. Resolves with a message for people in that case, and when the
   * control plane has put the state aside.
   */
  async deliverLast(snapshot: StateSnapshot): Promise<string | undefined> {
    this.#job.noteState(snapshot.serial);
    await this[Symbol.asyncDispose]();
    const known = this.#job.journal.last("state_acknowledged");
    if (known?.final === true && known.sha256 === snapshot.sha256) return known.problem;
    const delivered = await this.#deliver(snapshot, { isFinal: true });
    if (delivered.kind === "undelivered") return delivered.problem;
    const problem = delivered.quarantineReason === "" ? {} : { problem: wasPutAside(snapshot, delivered) };
    // The result comes soon. Until then a crash of the machine costs no more than to deliver it again.
    await jot(this.#job, this.#context, { ...acknowledgementOf(snapshot), final: true, ...problem });
    await this.#onAcknowledged(snapshot);
    return problem.problem;
  }

  /** Uploads the last state once more: it was acknowledged, and is not there. */
  async deliverAgain(snapshot: StateSnapshot): Promise<void> {
    await this.#deliver(snapshot, { isFinal: true });
  }

  /**
   * Uploads a state that cannot be the workspace's, after the last one, so that the control plane puts it aside for
   * people.
   */
  async deliverAside({ snapshot, reason }: AsideState): Promise<string> {
    const delivered = await this.#deliver(snapshot, { isFinal: false, asideReason: reason });
    return delivered.kind === "undelivered" ? delivered.problem : wasPutAside(snapshot, delivered);
  }

  /** Tries as long as the control plane may still take the state. */
  async #deliver(snapshot: StateSnapshot, as: UploadAs): Promise<Delivered> {
    const { gone } = this.#job;
    const isWorthIt = (error: unknown) => !isTooLarge(error) && !(gone.aborted && isRefused(error));
    const patience = {
      ...patienceOf(this.#context, isWorthIt),
      onRetry: (error: unknown) => this.#problem.met(error),
    };
    try {
      const upload = () => this.#upload(snapshot, as, this.#context.stopping);
      return { kind: "delivered", quarantineReason: await persist(upload, patience, this.#context.stopping) };
    } catch (error) {
      this.#context.stopping.throwIfAborted();
      const why = messageOf(error);
      const problem = `state serial ${snapshot.serial} was not taken by the control plane (${why}): it is in ${snapshot.file}`;
      await note(this.#job, this.#context, { kind: "state_undelivered", reason: problem });
      return { kind: "undelivered", problem };
    } finally {
      this.#problem.over();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.#news.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    using until = linkSignals(this.#over.signal, this.#context.stopping);
    while (!until.signal.aborted) {
      const snapshot = this.#newest;
      if (snapshot === undefined || snapshot.sequence <= this.#acknowledged) {
        await this.#nextNews(until.signal);
        continue;
      }
      await this.#tryUpload(snapshot, until.signal);
      await this.#context.clock.sleep(uploadEveryMs, until.signal).catch(() => {});
    }
  }

  async #nextNews(signal: AbortSignal): Promise<void> {
    this.#news = Promise.withResolvers();
    const newest = this.#newest?.sequence ?? 0;
    if (newest > this.#acknowledged || signal.aborted) return;
    const onAbort = () => this.#news.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    await this.#news.promise;
    signal.removeEventListener("abort", onAbort);
  }

  /** What fails now is tried again with the next snapshot, two seconds later at the earliest. */
  async #tryUpload(snapshot: StateSnapshot, signal: AbortSignal): Promise<void> {
    try {
      await this.#upload(snapshot, { isFinal: false }, signal);
      this.#problem.over();
      this.#acknowledged = snapshot.sequence;
      await noteIfPossible(this.#job, this.#context, { ...acknowledgementOf(snapshot), final: false });
      await this.#onAcknowledged(snapshot);
    } catch (error) {
      if (signal.aborted) return;
      this.#problem.met(error);
      this.#context.log.debug({ ...idsOf(this.#job), err: error }, "a state could not be uploaded yet");
    }
  }

  /** Resolves with why the state was put aside; empty when it was not. */
  async #upload(snapshot: StateSnapshot, { isFinal, asideReason = "" }: UploadAs, signal: AbortSignal) {
    await this.#job.freshness.untilFresh(signal);
    const { lineage, serial, sequence } = snapshot;
    const bytes = await readFile(snapshot.file);
    const artifacts = this.#context.artifacts(this.#job.spec.jobToken);
    const state = { bytes, lineage, serial, sequence, isFinal, asideReason };
    const by = { artifacts, noteDelivering: (doing: string) => this.#job.noteDelivering(doing) };
    const { quarantined, quarantineReason } = await this.#context.uploads.state(by, state, signal);
    failpoint("agent.state-uploaded");
    if (!quarantined) return "";
    this.#context.log.warn({ ...idsOf(this.#job), serial, quarantineReason }, "a state was put aside");
    return quarantineReason === "" ? "without a reason" : quarantineReason;
  }
}

interface UploadAs {
  readonly isFinal: boolean;
  readonly asideReason?: string | undefined;
}

const acknowledgementOf = ({ serial, sha256 }: StateSnapshot) =>
  ({ kind: "state_acknowledged", serial, sha256 }) as const;

type Delivered =
  | { readonly kind: "delivered"; readonly quarantineReason: string }
  | { readonly kind: "undelivered"; readonly problem: string };

const wasPutAside = ({ serial }: StateSnapshot, { quarantineReason }: { readonly quarantineReason: string }): string =>
  `state serial ${serial} was put aside (${quarantineReason || "another one of its lineage is stored"}): look at it with \`windlass state list --quarantined\``;
