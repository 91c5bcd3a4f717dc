import { type FileHandle, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { syncDirectory } from "../../lib/fs/durable.ts";
import { errnoOf } from "../../lib/values/errors.ts";

const resultShape = z.object({
  outcome: z.enum(["finished", "errored", "canceled"]),
  exitCode: z.number().int(),
  errorMessage: z.string(),
  logBytes: z.number().int(),
  logSha256: z.string(),
  hasChanges: z.boolean(),
  counts: z.object({
    add: z.number(),
    change: z.number(),
    destroy: z.number(),
    import: z.number(),
    // Older agents counted less.
    forget: z.number().default(0),
    drift: z.number().default(0),
    move: z.number().default(0),
  }),
  planSha256: z.string(),
  stateSerial: z.number().int(),
  /** Absent in journals of agents that knew only the serial. */
  stateSha256: z.string().default(""),
  resourcesInFlight: z.array(z.string()),
  /** The same with what was being done; older agents kept addresses alone. */
  inFlight: z
    .array(z.object({ address: z.string(), action: z.string(), idKey: z.string(), id: z.string() }))
    .default([]),
  /** What was finished and is not in the last state; older agents did not look. */
  lost: z
    .array(
      z.object({
        address: z.string(),
        action: z.string(),
        provider: z.string(),
        idKey: z.string(),
        id: z.string(),
        finishedAt: z.string(),
        held: z.enum(["absent", "other", "present", "unknown"]),
        isHidden: z.boolean(),
      }),
    )
    .default([]),
  lostCount: z.number().default(0),
  /** Which hook wants a person to decide about the plan; empty if none does. */
  denial: z.string().default(""),
  /** Which hooks ran, and what they said; older agents told nothing of them. */
  hooks: z
    .array(z.object({ name: z.string(), sha256: z.string(), exitCode: z.number().int(), summary: z.string() }))
    .default([]),
  engineVersion: z.string(),
  /** Of an apply that did not finish: this journal has no start of `terraform apply`. */
  applyNotStarted: z.boolean().exactOptional(),
});

/** How a job ended, as it is told to the control plane. */
export type StoredResult = Readonly<z.infer<typeof resultShape>>;

const recordShape = z.discriminatedUnion("kind", [
  /** The job was taken; its specification lies beside the journal. */
  z.object({
    kind: z.literal("offered"),
    at: z.string(),
    /** The directory of the job; absent in journals of older agents. */
    place: z.object({ machineBoot: z.string(), device: z.string(), inode: z.string() }).exactOptional(),
  }),
  /** It was granted and terraform may have been started since. */
  z.object({ kind: z.literal("exec"), at: z.string(), epoch: z.string() }),
  /**
   * Comes before the step's process. `boot` names this run of the machine: what the step has beside the journal is not synced, so that it
   * says nothing in another run. Absent in journals of older agents, which synced it.
   */
  z.object({ kind: z.literal("step_started"), at: z.string(), step: z.string(), boot: z.string().exactOptional() }),
  /** Comes before the one SIGINT that a step ever gets. */
  z.object({ kind: z.literal("step_interrupted"), at: z.string(), step: z.string() }),
  /** Comes before the step's process group is ended. */
  z.object({ kind: z.literal("step_forced"), at: z.string(), step: z.string() }),
  /** Its own limit is over, and what it was at then; comes before its interrupt. */
  z.object({ kind: z.literal("step_timed_out"), at: z.string(), step: z.string(), detail: z.string() }),
  /** `exitCode` is null when nobody knows how it ended. */
  z.object({ kind: z.literal("step_ended"), at: z.string(), step: z.string(), exitCode: z.number().int().nullable() }),
  /** A plan has no result, for its lease is over (this comes before it is ended) or nobody knows how a step of it ended. */
  z.object({ kind: z.literal("fenced"), at: z.string() }),
  /** `summaryFollows`: what people see of it is brought after the result. */
  z.object({
    kind: z.literal("plan_uploaded"),
    at: z.string(),
    sha256: z.string(),
    summaryFollows: z.boolean().exactOptional(),
  }),
  /** The control plane has the summary that followed, or takes none. */
  z.object({ kind: z.literal("summary_settled"), at: z.string() }),
  /**
   * `sha256` names the content (older agents wrote only the serial); `problem` says that the control plane has put it
   * aside.
   */
  z.object({
    kind: z.literal("state_acknowledged"),
    at: z.string(),
    serial: z.number().int(),
    sha256: z.string().exactOptional(),
    final: z.boolean(),
    problem: z.string().exactOptional(),
  }),
  /** The claim is over, and nobody takes the last state of its apply. */
  z.object({ kind: z.literal("state_undelivered"), at: z.string(), reason: z.string() }),
  z.object({ kind: z.literal("result"), at: z.string(), result: resultShape }),
  /** The control plane has everything: the directory may go. */
  z.object({ kind: z.literal("acknowledged"), at: z.string() }),
  /** The claim is over and something of it could not be delivered: the directory is kept for people. */
  z.object({ kind: z.literal("kept"), at: z.string(), reason: z.string() }),
]);

/** One line of a journal. */
export type JournalRecord = Readonly<z.infer<typeof recordShape>>;
export type JournalKind = JournalRecord["kind"];
type RecordOf<Kind extends JournalKind> = Extract<JournalRecord, { kind: Kind }>;

/** A record before it has its time. */
export type NewRecord = JournalRecord extends infer R ? (R extends JournalRecord ? Omit<R, "at"> : never) : never;

/**
 * What a job has done, one JSON object a line. `append` resolves when the line is on the disk, so what follows it may
 * rely on it after any crash. `jot` resolves when the line survives this process: it survives the machine with the next append. A line
 * that a crash cut off is dropped when the journal is opened again.
 */
export class Journal implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #now: () => Date;
  readonly #records: JournalRecord[];
  #position: number;
  #isSynced = true;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, now: () => Date, { records, bytes }: ReadJournal) {
    this.#file = file;
    this.#now = now;
    this.#records = [...records];
    this.#position = bytes;
  }

  /** Opens a journal, making it if it is absent. */
  static async open(path: string, now: () => Date): Promise<Journal> {
    const read = await readJournal(path);
    const file = await open(path, read.bytes === 0 ? "w" : "r+", 0o600);
    await file.truncate(read.bytes);
    await syncDirectory(dirname(path));
    return new Journal(file, now, read);
  }

  /** Makes a new one. The caller makes its name durable. */
  static async create(path: string, now: () => Date): Promise<Journal> {
    return new Journal(await open(path, "wx", 0o600), now, { records: [], bytes: 0 });
  }

  get records(): readonly JournalRecord[] {
    return this.#records;
  }

  /** The last record of a kind. */
  last<Kind extends JournalKind>(kind: Kind): RecordOf<Kind> | undefined {
    return this.#records.findLast((record): record is RecordOf<Kind> => record.kind === kind);
  }

  has(kind: JournalKind): boolean {
    return this.last(kind) !== undefined;
  }

  /** The last record of a kind about one step. */
  ofStep<Kind extends Extract<JournalKind, `step_${string}`>>(kind: Kind, step: string): RecordOf<Kind> | undefined {
    return this.#records.findLast(
      (record): record is RecordOf<Kind> => record.kind === kind && "step" in record && record.step === step,
    );
  }

  /** Appends a record and syncs it. When it rejects the record is not there, and the call may be repeated. */
  append(record: NewRecord): Promise<void> {
    return this.#inTurn(() => this.#write({ at: this.#now().toISOString(), ...record }, true));
  }

  /** Appends a record that nothing irrevocable follows before the next `append` or `flush`. */
  jot(record: NewRecord): Promise<void> {
    return this.#inTurn(() => this.#write({ at: this.#now().toISOString(), ...record }, false));
  }

  /** Syncs what was jotted down. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#sync());
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(action);
    this.#tail = done.catch(() => {});
    return done;
  }

  async #sync(): Promise<void> {
    if (!this.#isSynced) await this.#file.datasync();
    this.#isSynced = true;
  }

  async #write(record: JournalRecord, isSynced: boolean): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    let written = 0;
    while (written < line.length) {
      const { bytesWritten } = await this.#file.write(line, written, line.length - written, this.#position + written);
      written += bytesWritten;
    }
    this.#isSynced = false;
    if (isSynced) await this.#sync();
    this.#position += line.length;
    this.#records.push(record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    await this.#file.close();
  }
}

/** The records of a journal that nobody has open; none if it is not there. Throws when it cannot be read. */
export async function readRecords(path: string): Promise<readonly JournalRecord[]> {
  const content = await readFile(path).catch((error: unknown) => {
    if (errnoOf(error) !== "ENOENT") throw error;
    return Buffer.alloc(0);
  });
  return parseJournal(content).records;
}

interface ReadJournal {
  readonly records: readonly JournalRecord[];
  /** Length of the whole lines. */
  readonly bytes: number;
}

const readJournal = async (path: string): Promise<ReadJournal> =>
  parseJournal(await readFile(path).catch(() => Buffer.alloc(0)));

function parseJournal(content: Buffer): ReadJournal {
  const bytes = content.lastIndexOf(0x0a) + 1;
  const lines = content.subarray(0, bytes).toString("utf8").split("\n").slice(0, -1);
  return { records: lines.flatMap(parseLine), bytes };
}

/** A line that this version does not know is passed over: a newer version wrote it. */
function parseLine(line: string): readonly JournalRecord[] {
  try {
    const parsed = recordShape.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
