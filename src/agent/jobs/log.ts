import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { abortable } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { writeDurably, writeWhole } from "../../lib/fs/durable.ts";
import type { Log } from "../../lib/program/log.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import type { ApplyWords } from "../../terraform/output/apply-words.ts";
import type { TerraformEvent } from "../../terraform/output/events.ts";
import { createRenderer } from "../../terraform/output/render.ts";
import { createStateFlagFilter } from "../../terraform/output/state-flag-warning.ts";
import { type ByteTransform, createRedactor, makeRedactor } from "../../terraform/redaction/redact.ts";
import { isOutOfSpace, readAt } from "../disk/durable-files.ts";
import { tailFile } from "../steps/log-tail.ts";
import { SpoolLog } from "../steps/spool-log.ts";
import type { LogView } from "./job.ts";

/** While the disk is full, the log is tried again this often. */
const retryMs = 1_000;
/** A log that still cannot be written this long after terraform has ended is cut off. */
const giveUpMs = 60_000;
/** A job may write without end: this much of its output is read, or this many times the log's limit if that is more. */
const leastRead = 256 * 1024 * 1024;
const readFactor = 16;
/** The same of a log without a limit. */
const mostRead = 64 * leastRead;

/** What must not be seen in the log; undefined when nobody can tell any more, and nothing more may be shown. */
export type Secrets = readonly string[] | undefined;

export interface JobLogOptions {
  readonly spoolPath: string;
  /** Where the raw files are. */
  readonly rawDir: string;
  readonly secrets: Promise<Secrets>;
  /** 0 is no limit. */
  readonly maxBytes: number;
  /** Most that is read of one section. */
  readonly maxReadBytes?: number | undefined;
  readonly onGrowth: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the agent stops. */
  readonly stopping: AbortSignal;
}

/** A file that terraform writes, as a part of the log. */
export interface RawSection {
  readonly path: string;
  /** Resolves when nothing is added to the file any more. */
  readonly ended: Promise<unknown>;
  /** Given for terraform's JSON events, which are rendered as text. */
  readonly observe?: ((event: TerraformEvent) => void) | undefined;
  /** What their text says that they do not tell. */
  readonly words?: Promise<ApplyWords> | undefined;
}

export interface FinishedLog {
  readonly bytes: number;
  readonly sha256: string;
  /** False when the disk was too full for the rest. */
  readonly isWhole: boolean;
  /** True when the disk was full at any time. */
  readonly wasDiskFull: boolean;
}

/** Where a log is kept. */
export type Spool = Pick<SpoolLog, "end" | "sha256" | "append" | "read" | "sync"> & AsyncDisposable;

/**
 * The log of a job: sections one after the other, each a file on the disk, made readable and free of secrets on their
 * way to the spool. The same sections give the same bytes, so after a restart the part that is spooled already is
 * passed over.
 */
export class JobLog implements AsyncDisposable {
  readonly #options: JobLogOptions;
  readonly #spool: Spool;
  /** Length that this process has made, the spooled part included. */
  #made = 0;
  /** Length that survives a crash of the machine: no more is sent, or the server could know more than this agent. */
  #shown = 0;
  #isComplete = false;
  #isCut = false;
  #isTruncated = false;
  #wasDiskFull = false;
  #liveSteps = 0;
  #tail: Promise<void> = Promise.resolve();
  /** What must not be seen in the sections that are added now. */
  #secrets: Promise<Secrets>;

  private constructor(options: JobLogOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
    this.#shown = spool.end;
    this.#secrets = options.secrets;
  }

  static async open(options: JobLogOptions, spool?: Spool): Promise<JobLog> {
    return new JobLog(options, spool ?? (await SpoolLog.open(options.spoolPath)));
  }

  /** What can be sent of it. */
  get view(): LogView {
    const log = this;
    return {
      get end() {
        return log.#shown;
      },
      get isComplete() {
        return log.#isComplete;
      },
      read: (offset, maxBytes) => log.#spool.read(offset, maxBytes),
    };
  }

  /**
   * Adds lines of our own. They are written down once: after a restart the first text counts. A text that is always the same does not have
   * to survive the machine: it is made again. Nothing is added to a log that is complete.
   */
  async say(name: string, text: () => string, { isAlwaysSame = false } = {}): Promise<void> {
    if (this.#isComplete) return;
    const path = join(this.#options.rawDir, name);
    try {
      if (!(await exists(path))) await (isAlwaysSame ? writeWhole : writeDurably)(path, text());
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      this.#options.log.warn({ section: name }, "disk full: a part of the log is left out");
      this.#isTruncated = true;
      this.#wasDiskFull = true;
      return;
    }
    const secrets = this.#secrets;
    this.#enqueue(() => this.#followFile({ path, ended: Promise.resolve() }, secrets));
  }

  /** Nor may these be seen in what is added from now on: the same at the same place after a restart. */
  hide(values: readonly string[]): void {
    if (values.length === 0) return;
    const known = this.#secrets;
    this.#secrets = known.then((secrets) => secrets && [...secrets, ...values]);
    this.#secrets.catch(() => {});
  }

  /** Adds what terraform prints to a file, from now until it has ended. */
  follow(section: RawSection): void {
    this.#liveSteps++;
    const over = () => void this.#liveSteps--;
    section.ended.then(over, over);
    const secrets = this.#secrets;
    this.#enqueue(() => this.#followFile(section, secrets));
  }

  /** After a machine has lost bytes, what comes next is added at the spool's end. */
  resync(): void {
    this.#enqueue(async () => {
      this.#made = Math.max(this.#made, this.#spool.end);
    });
  }

  /** Waits until every section so far has been read to its end. */
  async caughtUp(): Promise<void> {
    await this.#tail;
  }

  /** Waits for every section and completes the log. */
  async finish(): Promise<FinishedLog> {
    await this.#tail;
    this.#options.stopping.throwIfAborted();
    this.#isComplete = true;
    this.#options.onGrowth();
    return {
      bytes: this.#spool.end,
      sha256: this.#spool.sha256,
      isWhole: !this.#isTruncated,
      wasDiskFull: this.#wasDiskFull,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail.catch(() => {});
    await this.#spool[Symbol.asyncDispose]();
  }

  #enqueue(section: () => Promise<void>): void {
    const next = this.#tail.then(section);
    next.catch(() => {});
    this.#tail = next;
  }

  async #followFile({ path, ended, observe, words }: RawSection, secrets: Promise<Secrets>): Promise<void> {
    const transform = (await this.#redactor(secrets)) ?? (await this.#withhold());
    const renderer = observe === undefined ? createStateFlagFilter() : createRenderer(observe, await words);
    let left = this.#readable;
    for await (const bytes of tailFile(path, { ended, signal: this.#options.stopping, clock: this.#options.clock })) {
      // Behind a cut only events count.
      if (left <= 0 || (this.#isCut && observe === undefined)) break;
      left -= bytes.length;
      const text = renderer.push(bytes);
      if (!this.#isCut) await this.#append(transform.push(text));
    }
    await this.#append(transform.push(renderer.finish()));
    await this.#append(transform.finish());
    if (left <= 0) await this.#append(unreadNotice);
  }

  get #readable(): number {
    const { maxBytes } = this.#options;
    return this.#options.maxReadBytes ?? (maxBytes === 0 ? mostRead : Math.max(leastRead, readFactor * maxBytes));
  }

  async #redactor(known: Promise<Secrets>): Promise<ByteTransform | undefined> {
    const secrets = await abortable(known, this.#options.stopping);
    return secrets === undefined ? undefined : makeRedactor(secrets);
  }

  /** Nobody knows any more what must not be seen: what is spooled stays, and nothing is added but a notice. */
  async #withhold(): Promise<ByteTransform> {
    if (!this.#isCut) {
      this.#isCut = true;
      await this.#write(Buffer.from(withheldNotice));
    }
    return createRedactor([]);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.#isCut) return;
    const { maxBytes } = this.#options;
    const room =
      maxBytes === 0 ? Number.POSITIVE_INFINITY : Math.max(0, maxBytes - cutNotice(maxBytes).length - this.#made);
    if (bytes.length <= room) return this.#add(bytes);
    this.#isCut = true;
    await this.#add(Buffer.concat([bytes.subarray(0, room), cutNotice(maxBytes)]));
  }

  /** Passes over what is spooled already. */
  async #add(bytes: Uint8Array): Promise<void> {
    const known = Math.min(bytes.length, Math.max(0, this.#spool.end - this.#made));
    this.#made += bytes.length;
    if (known < bytes.length) await this.#write(bytes.subarray(known));
  }

  /** Writes, waiting for space as long as terraform runs and a little longer: the raw file keeps what is not yet written. */
  async #write(bytes: Uint8Array): Promise<void> {
    const { clock, log, stopping, onGrowth } = this.#options;
    let waitedMs = 0;
    while (!this.#isTruncated) {
      try {
        const end = await this.#spool.append(bytes);
        await this.#spool.sync();
        this.#shown = end;
        if (waitedMs > 0) log.info({ waitedMs }, "the log can be written again");
        return onGrowth();
      } catch (error) {
        if (!isOutOfSpace(error)) throw error;
        if (waitedMs === 0) log.error({ err: error }, "disk full: the log waits");
        this.#wasDiskFull = true;
        waitedMs = this.#liveSteps > 0 ? retryMs : waitedMs + retryMs;
        this.#isTruncated = waitedMs > giveUpMs;
        await clock.sleep(retryMs, stopping);
      }
    }
  }
}

const withheldNotice =
  "\nWindlass: the rest of this log is withheld: the agent was started again and could no longer learn which values are sensitive.\n";

const unreadNotice = Buffer.from("\nWindlass: this output is too long to be read on. The job goes on.\n");

const cutNotice = (maxBytes: number): Uint8Array =>
  Buffer.from(`\nWindlass: the log is cut here: it has reached its limit of ${maxBytes} bytes. The job goes on.\n`);

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    },
  );

/** A complete log, as it lies on the disk. */
export const storedLog = (path: string, end: number): LogView => ({
  end,
  isComplete: true,
  read: async (offset, maxBytes) => {
    await using file = await open(path, "r");
    return await readAt(file, offset, Math.min(maxBytes, end - offset));
  },
});
