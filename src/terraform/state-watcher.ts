import { dirname, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { failpoint } from "../lib/failpoint.ts";
import { type PathPulse, watchPath } from "../lib/file-events.ts";
import { parseState, readStateFile, type StateFile, type ValidState } from "./state.ts";
import { type StateSnapshot, StateSpool } from "./state-spool.ts";

export interface StateWatcherOptions {
  /** Terraform's state file; its directory must exist, the file need not. */
  readonly file: string;
  /** The directory that the job may write to: what lies outside of it is not its state, however its path leads there. */
  readonly within?: string;
  /** Where snapshots are kept: on space that the job cannot fill. */
  readonly spoolDir: string;
  /** The state that the job was given, if any: only newer ones of its lineage count. */
  readonly given: { readonly lineage: string; readonly serial: number } | undefined;
  readonly clock: Clock;
  /** Told of each new snapshot, after it is safe on the disk. Must not throw. */
  readonly onSnapshot: (snapshot: StateSnapshot) => void;
  /** Told when a snapshot could not be written; it is tried again. Must not throw. */
  readonly onProblem?: (error: unknown) => void;
}

/** What an apply left behind. */
export interface FinalState {
  /** The newest snapshot of this job; undefined when the state did not change. */
  readonly newest: StateSnapshot | undefined;
  /** What the state file itself is in the end: anything but `valid` or `missing` means that terraform was killed or the disk full. */
  readonly file: StateFile["kind"];
  /** Why neither the state file nor what terraform left in its stead is `newest`; undefined when all is well. */
  readonly loss: string | undefined;
  /** Copies of states that could not be accepted (another lineage, or no newer than what was given). */
  readonly quarantined: readonly StateSnapshot[];
}

const pollMs = 500;
/** A copy that takes longer than this is followed by a pause as long, so that copying does not slow terraform down. */
const slowCopyMs = 20;
const maxPauseMs = 250;

/**
 * Copies every valid state that terraform writes while it runs. Terraform rewrites its file in place: after a kill it is
 * often empty, and the newest copy is the state.
 */
export class StateWatcher implements AsyncDisposable {
  readonly #options: StateWatcherOptions;
  readonly #spool: StateSpool;
  readonly #pulse: PathPulse;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  private constructor(options: StateWatcherOptions, spool: StateSpool) {
    this.#options = options;
    this.#spool = spool;
    this.#pulse = watchPath(dirname(options.file), { clock: options.clock, pollMs });
    this.#following = this.#follow();
  }

  /** Starts watching, going on from the snapshots of an earlier process. */
  static async open(options: StateWatcherOptions): Promise<StateWatcher> {
    return new StateWatcher(options, await StateSpool.open(options.spoolDir));
  }

  /** The newest snapshot of this job. */
  get latest(): StateSnapshot | undefined {
    return this.#spool.newest;
  }

  /** To be called when the control plane has a snapshot for good. */
  acknowledge(serial: number): Promise<void> {
    return this.#spool.acknowledge(serial);
  }

  /**
   * To be called once terraform has ended: looks at the file once more, at `errored.tfstate`, and at the state that terraform
   * printed (`emergency`, from `findEmergencyState`). Throws when a state cannot be written to the spool.
   */
  async settle(emergency?: Buffer): Promise<FinalState> {
    await this.#end();
    const file = await this.#read(this.#options.file);
    const errored = await this.#read(join(dirname(this.#options.file), "errored.tfstate"));
    const printed: StateFile = emergency === undefined ? { kind: "missing" } : parseState(emergency);
    const found = [
      { name: "terraform", state: file },
      { name: "errored", state: errored },
      { name: "printed", state: printed },
    ];
    const quarantined: StateSnapshot[] = [];
    for (const { name, state } of found) {
      if (state.kind !== "valid" || (await this.#take(state)) || !this.#isForeign(state)) continue;
      quarantined.push(await this.#spool.quarantine(name, state));
    }
    const isNewest = found.some(({ state }) => state.kind === "valid" && this.#isNewest(state));
    return { newest: this.latest, file: file.kind, loss: isNewest ? undefined : this.#lossOf(file), quarantined };
  }

  /** True for the newest snapshot or, without one, for the state that was given. */
  #isNewest({ sha256, lineage, serial }: ValidState): boolean {
    const { given } = this.#options;
    if (this.latest !== undefined) return sha256 === this.latest.sha256;
    return given !== undefined && lineage === given.lineage && serial === given.serial;
  }

  /** Terraform never removes its state, and never goes back to an older one. */
  #lossOf(file: StateFile): string | undefined {
    const before = this.latest ?? this.#options.given;
    if (file.kind === "missing") return before === undefined ? undefined : "it is gone";
    if (file.kind !== "valid") return file.why;
    const known = before === undefined ? "nothing" : `lineage ${before.lineage} and serial ${before.serial}`;
    return `it has lineage ${file.lineage} and serial ${file.serial}, after ${known}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    this.#pulse[Symbol.dispose]();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#lookOnce(signal);
        await this.#pulse.wait(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onProblem?.(error);
        await this.#options.clock.sleep(pollMs, signal).catch(() => {});
      }
    }
  }

  async #lookOnce(signal: AbortSignal): Promise<void> {
    const { clock, file } = this.#options;
    const startedMs = clock.monotonicMs();
    const state = await this.#read(file);
    if (state.kind !== "valid" || !(await this.#take(state))) return;
    const tookMs = clock.monotonicMs() - startedMs;
    if (tookMs > slowCopyMs) await clock.sleep(Math.min(tookMs, maxPauseMs), signal);
  }

  #read(file: string): Promise<StateFile> {
    const { within } = this.#options;
    return readStateFile(file, within === undefined ? {} : { within });
  }

  /** Saves the state if it is newer than all before. */
  async #take(state: ValidState): Promise<boolean> {
    const before = this.latest ?? this.#options.given;
    if (before !== undefined && (state.lineage !== before.lineage || state.serial <= before.serial)) return false;
    const snapshot = await this.#spool.add(state);
    failpoint("agent.state-spooled");
    this.#options.onSnapshot(snapshot);
    return true;
  }

  /** True for a state of another lineage, and for another content of the newest serial. */
  #isForeign(state: ValidState): boolean {
    const { latest } = this;
    const before = latest ?? this.#options.given;
    if (before === undefined) return false;
    return state.lineage !== before.lineage || (state.serial === latest?.serial && state.sha256 !== latest.sha256);
  }
}
