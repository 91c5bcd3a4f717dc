import { dirname } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { type ChangeSignal, watchPath } from "../../lib/fs/file-events.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { type GivenState, whyRefused } from "./given-state.ts";
import { type StateSnapshot, StateSpool } from "./spool.ts";
import { parseState, readStateFile, type StateFile, type ValidState } from "./state.ts";

export interface StateWatcherOptions {
  /** Terraform's state file; its directory must exist, the file need not. */
  readonly file: string;
  /** Where terraform writes a state that it could not save: in the directory in which it runs. */
  readonly erroredFile: string;
  /** The directory that the job may write to: what lies outside of it is not its state, however its path leads there. */
  readonly within?: string | undefined;
  /** Where snapshots are kept: on space that the job cannot fill. */
  readonly spoolDir: string;
  /** The state that the job was given, if any: only those of its lineage count, and none with a lower serial. */
  readonly given: GivenState | undefined;
  readonly clock: Clock;
  /** Told of each new snapshot, after it is safe on the disk. Must not throw. */
  readonly onSnapshot: (snapshot: StateSnapshot) => void;
  /** Told when a snapshot could not be written; it is tried again. Must not throw. */
  readonly onProblem?: ((error: unknown) => void) | undefined;
}

/** How an apply ended. */
export interface ApplyEnd {
  /** Terraform said that all went well: then its state file is the state, and nothing else is. */
  readonly isSuccess: boolean;
  /** The state that terraform printed, from `findEmergencyState`. */
  readonly printed?: Buffer | undefined;
}

/** A state that cannot be the workspace's. */
export interface AsideState {
  readonly snapshot: StateSnapshot;
  readonly reason: string;
}

/** What an apply left behind. */
export interface FinalState {
  /** The last word of this job; undefined when the state did not change. */
  readonly newest: StateSnapshot | undefined;
  /** What the state file itself is in the end. */
  readonly file: StateFile["kind"];
  /** Why neither the state file nor what terraform left in its place is `newest`; undefined when all is well. */
  readonly loss: string | undefined;
  /** Copies of states that could not be accepted. */
  readonly aside: readonly AsideState[];
}

const pollMs = 500;
/** A copy that takes longer than this is followed by a pause as long, so that copying does not slow terraform down. */
const slowCopyMs = 20;
const maxPauseMs = 250;

/**
 * Copies the valid states that terraform writes while it runs, each with its place in their order: terraform may write
 * what was there before, and leave the serial as it is. It rewrites its file in place: after a kill it is often empty,
 * and the newest copy is the state.
 */
export class StateWatcher implements AsyncDisposable {
  readonly #options: StateWatcherOptions;
  readonly #spool: StateSpool;
  readonly #pulse: ChangeSignal;
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
  acknowledge(snapshot: StateSnapshot): Promise<void> {
    return this.#spool.acknowledge(snapshot);
  }

  /**
   * To be called once terraform has ended: looks at the file once more and, unless it is the state of an apply that
   * went well, at `errored.tfstate` and at what terraform printed. Throws when a state cannot be written to the spool.
   */
  async settle(end: ApplyEnd): Promise<FinalState> {
    await this.#end();
    const file = await this.#read(this.#options.file);
    const aside: AsideState[] = [];
    let word = await this.#judge({ name: "terraform", found: file, before: this.#options.given }, aside);
    if (word === undefined || !end.isSuccess) {
      for (const { name, found } of await this.#rescued(end)) {
        word = (await this.#judge({ name, found, before: word ?? this.#before }, aside)) ?? word;
      }
    }
    if (word !== undefined) await this.#take(word);
    return { newest: this.latest, file: file.kind, loss: word === undefined ? this.#lossOf(file) : undefined, aside };
  }

  /** What terraform leaves when it could not save its state, in the order in which it tries. */
  async #rescued({ printed }: ApplyEnd): Promise<readonly Found[]> {
    const errored = await this.#read(this.#options.erroredFile);
    return [
      { name: "errored", found: errored },
      { name: "printed", found: printed === undefined ? { kind: "missing" } : await parseState(printed) },
    ];
  }

  /** The state, if it can be the last one; a state that cannot is put aside. */
  async #judge({ name, found, before }: Judged, aside: AsideState[]): Promise<ValidState | undefined> {
    if (found.kind !== "valid") return undefined;
    const reason = whyRefused(found, before);
    if (reason === undefined) return found;
    aside.push({ snapshot: await this.#spool.quarantine(name, found), reason });
    return undefined;
  }

  /** A state that never was is no loss. */
  #lossOf(file: StateFile): string | undefined {
    const isNew = file.kind === "missing" && this.#before === undefined;
    return isNew ? undefined : whyRefused(file, this.#options.given);
  }

  get #before(): GivenState | undefined {
    return this.latest ?? this.#options.given;
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
    const { clock, file, given } = this.#options;
    const startedMs = clock.monotonicMs();
    const state = await this.#read(file);
    if (state.kind !== "valid" || whyRefused(state, given) !== undefined || !(await this.#isWhole(state))) return;
    if (!(await this.#take(state))) return;
    const tookMs = clock.monotonicMs() - startedMs;
    if (tookMs > slowCopyMs) await clock.sleep(Math.min(tookMs, maxPauseMs), signal);
  }

  /** Two states of one length can be mixed by a read amid a write, under the older serial: that one is read twice. */
  async #isWhole({ serial, sha256 }: ValidState): Promise<boolean> {
    if (this.#before === undefined || serial > this.#before.serial || sha256 === this.#before.sha256) return true;
    const again = await this.#read(this.#options.file);
    return again.kind === "valid" && again.sha256 === sha256;
  }

  #read(file: string): Promise<StateFile> {
    const { within } = this.#options;
    return readStateFile(file, within === undefined ? {} : { within });
  }

  /** Saves the state unless it is what was there before. */
  async #take(state: ValidState): Promise<boolean> {
    if (state.sha256 === this.#before?.sha256) return false;
    const snapshot = await this.#spool.add(state);
    failpoint("agent.state-spooled");
    this.#options.onSnapshot(snapshot);
    return true;
  }
}

interface Found {
  readonly name: string;
  readonly found: StateFile;
}

/** `before`: what it has to follow. */
interface Judged extends Found {
  readonly before: GivenState | undefined;
}
