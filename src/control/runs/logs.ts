import type { Principal } from "../../domain/people/principal.ts";
import { isEnded, type Job, type JobPhase, newestOf } from "../../domain/runs/job.ts";
import { type LogState, logProblemText, logStateOf } from "../../domain/runs/log-problem.ts";
import { isFinal, type Run } from "../../domain/runs/run.ts";
import type { AppendResult, LogRead, LogTime } from "../../store/ports/logs.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import { type Control, topics } from "../core/control.ts";
import { type ReadAheadPlaces, readsToEnd } from "./read-ahead.ts";

/** The stream that holds the log of one attempt at a job. */
export const logStreamOf = (job: Pick<Job, "id" | "epoch">): string => `${job.id}/${job.epoch}`;

/** Appends to the log of a claim. Late evidence opens a log again that was closed with a gap while nobody could write it. */
export async function appendLog(
  { logs, store }: Pick<Control, "logs" | "store">,
  job: Pick<Job, "id" | "epoch">,
  { offset, chunk }: { readonly offset: number; readonly chunk: Uint8Array },
): Promise<AppendResult> {
  const stream = logStreamOf(job);
  const result = await logs.append(stream, offset, chunk);
  if (result.kind !== "sealed") return result;
  const row = await store.read((q) => q.jobs.get(job.id));
  if (row?.epoch !== job.epoch || row.status !== "interrupted" || row.isLogClosed) return result;
  await logs.reopen(stream);
  return logs.append(stream, offset, chunk);
}

export interface LogPiece {
  readonly offset: number;
  /** Where the next one begins. */
  readonly nextOffset: number;
  readonly bytes: Uint8Array;
  /** When the bytes came, if that was asked for. */
  readonly times: readonly LogTime[];
  readonly epoch: number;
  readonly isEnd: boolean;
  readonly missingBytes: number;
  /** Of the log; only the last piece tells it, and what is wrong. */
  readonly state: LogState;
  readonly problem: string;
}

export interface LogRequest {
  readonly runId: string;
  readonly phase: JobPhase;
  readonly offset: number;
  readonly follows: boolean;
  /** The most that is sent, without `follows` only; absent is all. */
  readonly maxBytes?: number | undefined;
  readonly withTimes?: boolean | undefined;
  /** Places for who reads ahead; without one nobody does. */
  readonly places?: ReadAheadPlaces | undefined;
  /** For readers who ask for a piece only when they have no more use for the one before: its bytes may be overwritten then. */
  readonly giving?: "lent" | undefined;
  readonly signal: AbortSignal;
}

const pieceBytes = 256 * 1024;
/** The floor under the wake-ups. */
const pollMs = 2_000;

/**
 * The bytes of a phase's log from an offset; with `follows`, until the log is complete. Catching up and following are
 * one loop.
 */
export async function* followLog(control: Control, who: Principal, request: LogRequest): AsyncGenerator<LogPiece> {
  const { runId, offset, follows, maxBytes = Infinity, withTimes = false, places, giving, signal } = request;
  const end = offset + maxBytes;
  let next = offset;
  let epoch = 0;
  let looked: Looked | undefined;
  for (;;) {
    const seen = control.wake.mark();
    looked = isFresh(control, runId, looked) ? looked : await lookAtJob(control, who, request);
    const { run, job } = looked.found;
    if (job !== undefined && hasLog(job) && job.epoch !== epoch) {
      if (epoch !== 0) next = 0;
      epoch = job.epoch;
    }
    const stream = job === undefined || epoch === 0 ? undefined : logStreamOf({ id: job.id, epoch });
    const most = Math.min(pieceBytes, end - next);
    let read = stream === undefined ? undefined : await control.logs.read(stream, next, most);
    if (stream !== undefined && read !== undefined && read.bytes.length > 0) {
      // Of a log that is whole nothing changes any more: its job is not looked at again.
      const isWhole = job !== undefined && isEnded(job.status) && read.end.kind === "sealed";
      const reads = isWhole ? readsToEnd(control.logs, { stream, first: read, end, places, giving }) : [read];
      for await (const each of reads) {
        for await (const { bytes, times } of timedPieces(control, { stream, read: each, withTimes })) {
          const nextOffset = next + bytes.length;
          const where = { offset: next, nextOffset, epoch };
          yield { ...where, bytes, times, isEnd: false, missingBytes: 0, state: "none", problem: "" };
          next = nextOffset;
        }
        read = each;
      }
      if (!isWhole) continue;
    }
    if (!follows || isOver(run, job, read)) {
      const where = { offset: next, nextOffset: next, epoch };
      yield { ...where, bytes: new Uint8Array(), times: [], isEnd: true, ...endOf(job, read) };
      return;
    }
    const awaited = [topics.run(runId), ...(job === undefined ? [] : [topics.log(job.id)])];
    await control.wake.changedSince(awaited, seen, { timeoutMs: pollMs, signal });
  }
}

/** What was found of a phase, and when. */
interface Looked {
  readonly found: Awaited<ReturnType<typeof readJob>>;
  /** The mark of the run's topic. */
  readonly seen: number;
  readonly atMs: number;
}

/** A line that comes says nothing of its job: whatever happens to that is told under the run's topic, or found a little later. */
const isFresh = ({ wake, clock }: Control, runId: string, looked: Looked | undefined): looked is Looked =>
  looked !== undefined && wake.version(topics.run(runId)) === looked.seen && clock.monotonicMs() - looked.atMs < pollMs;

async function lookAtJob(
  control: Control,
  who: Principal,
  wanted: { readonly runId: string; readonly phase: JobPhase },
): Promise<Looked> {
  const [seen, atMs] = [control.wake.version(topics.run(wanted.runId)), control.clock.monotonicMs()];
  return { found: await readJob(control, who, wanted), seen, atMs };
}

/** The bytes of a read in pieces, with their times if that is asked for: smaller ones, where they have more times than one look gives. */
async function* timedPieces(
  { logs }: Control,
  { stream, read, withTimes }: { readonly stream: string; readonly read: LogRead; readonly withTimes: boolean },
): AsyncGenerator<Pick<LogPiece, "bytes" | "times">> {
  const from = read.nextOffset - read.bytes.length;
  for (let at = 0; at < read.bytes.length; ) {
    const piece = read.bytes.subarray(at, at + pieceBytes);
    const end = from + at + piece.length;
    const { times, upTo } = withTimes ? await logs.times(stream, from + at, end) : { times: [], upTo: end };
    const bytes = piece.subarray(0, upTo - from - at);
    yield { bytes, times };
    at += bytes.length;
  }
}
const readJob = (
  control: Control,
  who: Principal,
  { runId, phase }: { runId: string; phase: JobPhase },
): Promise<{ run: Run; job: Job | undefined }> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const run = await findRun(q, person, runId);
    return { run, job: newestOf(await q.jobs.ofRun(run.id), phase) };
  });

/** The attempt whose log readers get. */
export interface CurrentLog {
  readonly epoch: number;
  /** Name of its stream. */
  readonly stream: string;
  /** Whether nothing more of it can come, by what was read of it last. */
  readonly isOver: (read: LogRead) => boolean;
}

/** The log that a phase has now; undefined before there is one. */
export async function currentLog(
  control: Control,
  who: Principal,
  wanted: { readonly runId: string; readonly phase: JobPhase },
): Promise<CurrentLog | undefined> {
  const { run, job } = await readJob(control, who, wanted);
  if (job === undefined || !hasLog(job)) return undefined;
  return { epoch: job.epoch, stream: logStreamOf(job), isOver: (read) => isOver(run, job, read) };
}

/** What was said before a grant counts once there is one, or once the job has ended without. */
const hasLog = (job: Job): boolean => job.attempt > 0 || isEnded(job.status);

/** The log of a phase as it is kept: that of an attempt that was lost, then that of the next one. */
export interface PhaseLog {
  readonly run: Run;
  readonly job: Job | undefined;
  readonly attempts: readonly LogAttempt[];
  /** True once nothing more of it can come, and the run has moved on. */
  readonly isOver: boolean;
  /** What is wrong with it; empty if nothing is, or it is not over. */
  readonly problem: string;
}

export interface LogAttempt {
  /** Name of its stream. */
  readonly stream: string;
  /** So far. */
  readonly bytes: number;
}

/** More offers of one job than any log tells of. */
const maxAttempts = 100;

/** How the log of a phase stands. */
export async function openPhaseLog(
  control: Control,
  who: Principal,
  wanted: { readonly runId: string; readonly phase: JobPhase },
): Promise<PhaseLog> {
  const { run, job } = await readJob(control, who, wanted);
  if (job === undefined) return { run, job, attempts: [], isOver: isFinal(run.status), problem: "" };
  const last = await control.logs.read(logStreamOf(job), 0, 0);
  const before = job.epoch > 1 ? await attemptsBefore(control, job) : [];
  const isDone = isEnded(job.status) && isOver(run, job, last);
  return {
    run,
    job,
    attempts: [...before, { stream: logStreamOf(job), bytes: last.length }],
    isOver: isDone,
    problem: isDone ? endOf(job, last).problem : "",
  };
}

/** Of offers that led to nothing there is none, or a few words. */
async function attemptsBefore({ logs }: Control, { id, epoch }: Job): Promise<readonly LogAttempt[]> {
  const prefix = `${id}/`;
  const found = (await logs.list(prefix, maxAttempts)).filter(({ name }) => name.startsWith(prefix));
  return found
    .map(({ name, length }) => ({ stream: name, bytes: length, epoch: Number(name.slice(prefix.length)) }))
    .filter((one) => one.epoch < epoch && one.bytes > 0)
    .toSorted((a, b) => a.epoch - b.epoch);
}

function isOver(run: Run, job: Job | undefined, read: LogRead | undefined): boolean {
  if (job === undefined) return isFinal(run.status);
  if (read?.end.kind === "sealed") return true;
  // Its row says soon what is wrong with it.
  if (read?.end.kind === "gap" && (job.isLogClosed || job.status === "interrupted")) return true;
  return isEnded(job.status) && (job.isLogClosed || read === undefined);
}

/** What the end of a log says. One that is sealed is whole, also before its row tells it. */
function endOf(job: Job | undefined, read: LogRead | undefined): Pick<LogPiece, "missingBytes" | "state" | "problem"> {
  const missingBytes = missingOf(read);
  if (read?.end.kind === "sealed") return { missingBytes, state: "complete", problem: "" };
  const state = job === undefined ? "none" : logStateOf(job);
  const problem = job?.logProblem == null ? "" : logProblemText(job.logProblem);
  if (read?.end.kind !== "gap" || problem !== "") return { missingBytes, state, problem };
  return {
    missingBytes,
    state: "incomplete",
    problem: "the end of the log is missing, or it was removed because of its age",
  };
}

const missingOf = (read: LogRead | undefined): number => (read?.end.kind === "gap" ? (read.end.missingBytes ?? 0) : 0);
