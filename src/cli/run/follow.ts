import { type Phase, type Run, RunPhase, RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { linkSignals, untilAborted } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/values/errors.ts";
import type { Context } from "../server/context.ts";
import { ProgressLines } from "../shared/progress-lines.ts";
import { RunFeed } from "./feed.ts";
import { RunLink } from "./link.ts";
import { LogCopy, type LogSink } from "./log.ts";
import { stillWaiting } from "./outcome.ts";
import { factsOf, isFinal } from "./states.ts";
import type { Runs } from "./target.ts";
import { progressLine } from "./view.ts";

/** How a run is to be followed. */
export interface Following {
  readonly context: Context;
  readonly client: Runs;
  /** Where its logs go; undefined shows none. */
  readonly sink: LogSink | undefined;
  /** Called with each new state, after the log that belongs before it. */
  readonly onChange: (run: Run, line: string) => Promise<void>;
  /**
   * Called once when a plan waits for a person and its log has been shown. `left` ends the following. The signal is
   * aborted when the decision is no longer needed.
   */
  readonly decide: (run: Run, signal: AbortSignal) => Promise<"decided" | "left">;
  /** Gives up after the run has waited this long without a break. */
  readonly waitTimeoutMs: number | undefined;
}

/** What still hangs after an abort is left behind: its connection is closed. */
const endingMs = 300;

/** Follows a run until it has ended (or was left waiting) and answers how it stands. Survives restarts of the server. */
export async function followRun(following: Following, run: Run): Promise<Run> {
  const { context, client } = following;
  using own = linkSignals(context.io.signal);
  const feed = new RunFeed(run);
  const link = new RunLink(context);
  const logs = new PhaseLogs({ ...following, feed, link });
  const background = [
    watch({ client, feed, link }, own.signal),
    pulse({ context, client, feed }, own.signal),
    logs.run(own.signal),
  ].map((one) => one.catch((error: unknown) => feed.fail(error)));
  try {
    const narration = narrate(following, feed, logs, own.signal);
    const expiry = expire(following, feed, own.signal);
    narration.catch(() => {});
    return await Promise.race([narration, expiry]);
  } finally {
    own.abort(new Error("the run is no longer followed"));
    context.hangUp();
    await ended(background, context.io.clock);
  }
}

async function ended(background: readonly Promise<void>[], clock: Clock): Promise<void> {
  using over = linkSignals();
  const late = clock.sleep(endingMs, over.signal);
  late.catch(() => {});
  await Promise.race([Promise.allSettled(background), late]);
  // Its timer would hold the process.
  over.abort();
}

/** Tells each change, in order with the logs, and asks for the decision. */
async function narrate(following: Following, feed: RunFeed, logs: PhaseLogs, signal: AbortSignal): Promise<Run> {
  const told = new ProgressLines(following.context.io.clock);
  const warned = new Set<string>();
  /** The apply before the question that was asked last. */
  let askedAfter: string | undefined;
  for await (const run of feed.changes(signal)) {
    await logs.shownBefore(run, signal);
    for (const warning of run.warnings.filter((one) => !warned.has(one))) {
      following.context.notes.warn(warning);
      warned.add(warning);
    }
    const line = progressLine(run);
    if (told.isNews(line)) await following.onChange(run, line);
    const attempt = run.apply?.jobId ?? "";
    if (run.state !== RunState.PLANNED || attempt === askedAfter) continue;
    askedAfter = attempt;
    if ((await decideWhilePlanned(following, feed, signal)) === "left") return feed.latest;
  }
  return feed.latest;
}

async function decideWhilePlanned(following: Following, feed: RunFeed, signal: AbortSignal) {
  using needed = linkSignals(signal);
  const over = feed.until((run) => run.state !== RunState.PLANNED, needed.signal);
  over.then(
    () => needed.abort(new Error("the plan has been decided")),
    () => {},
  );
  // Awaited here, or the link to the signal would be cut before the decision.
  return await following.decide(feed.latest, needed.signal);
}

interface Watched {
  readonly client: Runs;
  readonly feed: RunFeed;
  readonly link: RunLink;
}

async function watch({ client, feed, link }: Watched, signal: AbortSignal): Promise<void> {
  const runId = feed.latest.id;
  await link.persist(async (heard) => {
    // An aborted stream that rests between two messages does not always say so: it is not waited for.
    for await (const { run, unchanged } of untilAborted(client.watchRun({ runId }, { signal }), signal)) {
      heard();
      if (run !== undefined && !unchanged) feed.update(run);
    }
    signal.throwIfAborted();
    return isFinal(feed.latest.state) ? "done" : "again";
  }, signal);
}

const pulseMs = 30_000;
const pulseTimeoutMs = 10_000;

/** Asks now and then: a path that died without a word is found, and no change is missed for ever. */
async function pulse({ context, client, feed }: Omit<Watched, "link"> & { context: Context }, signal: AbortSignal) {
  const runId = feed.latest.id;
  while (!isFinal(feed.latest.state)) {
    await context.io.clock.sleep(pulseMs, signal);
    try {
      const { run } = await client.getRun({ runId }, { signal, timeoutMs: pulseTimeoutMs });
      if (run !== undefined) feed.update(run);
    } catch {
      // The streams tell what is wrong once the dead connection is gone.
      if (!signal.aborted) context.hangUpSilent();
    }
  }
}

/** Never answers before the deadline of waiting; without one it never answers. */
async function expire(following: Following, feed: RunFeed, signal: AbortSignal): Promise<never> {
  const { waitTimeoutMs, context } = following;
  if (waitTimeoutMs === undefined) return new Promise<never>(() => {});
  for (;;) {
    await feed.until(isWaiting, signal);
    using moved = linkSignals(signal);
    const moving = feed.until((run) => !isWaiting(run), moved.signal).then(() => "moved" as const);
    const waited = context.io.clock.sleep(waitTimeoutMs, moved.signal).then(() => "waited" as const);
    for (const one of [moving, waited]) one.catch(() => {});
    const first = await Promise.race([moving, waited]);
    moved.abort();
    if (first === "waited") throw stillWaiting(context, feed.latest);
    if (isFinal(feed.latest.state)) return new Promise<never>(() => {});
  }
}

/** An agent that prepares the job works for it already. */
const isWaiting = ({ state, waiting }: Run): boolean =>
  factsOf(state).kind === "waits" && waiting?.reason !== WaitingReason.AGENT_PREPARING;

interface LogMeans extends Pick<Following, "context" | "client" | "sink"> {
  readonly feed: RunFeed;
  readonly link: RunLink;
}

const stallMs = 15_000;

/** The logs of both phases, one after the other, each as soon as its phase has begun. */
export class PhaseLogs {
  readonly #means: LogMeans;
  readonly #plan = Promise.withResolvers<void>();
  /** Of applies that were not started, and of the last one: by their job. */
  readonly #applies = new Map<string, PromiseWithResolvers<void>>();
  readonly #all = Promise.withResolvers<void>();
  #current: LogCopy | undefined;

  constructor(means: LogMeans) {
    this.#means = means;
  }

  /** Copies the logs; resolves when all are shown or will never come. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#copy(RunPhase.PLAN, ({ plan }) => plan, signal);
    this.#plan.resolve();
    const shown = new Set<string>();
    const next = ({ apply }: Run) => (apply !== undefined && shown.has(apply.jobId) ? undefined : apply);
    for (let job = await this.#copy(RunPhase.APPLY, next, signal); job !== undefined; ) {
      shown.add(job);
      this.#ofApply(job).resolve();
      job = await this.#copy(RunPhase.APPLY, next, signal);
    }
    this.#all.resolve();
  }

  /** Waits until the log that belongs before this state has been shown, as long as it moves. */
  async shownBefore({ state, apply }: Run, signal: AbortSignal): Promise<void> {
    if (factsOf(state).isPlanOver) await this.#settled(this.#plan.promise, signal);
    const isAgain = state === RunState.PLANNED && hasBegun(apply);
    if (!isFinal(state) && !isAgain) return;
    const shown = [this.#all.promise, this.#ofApply(apply?.jobId ?? "").promise];
    await this.#settled(Promise.race(shown), signal);
  }

  #ofApply(job: string): PromiseWithResolvers<void> {
    const known = this.#applies.get(job) ?? Promise.withResolvers<void>();
    this.#applies.set(job, known);
    return known;
  }

  /** Resolves with the job whose log was shown; undefined if none will come. */
  async #copy(phase: RunPhase, of: (run: Run) => Phase | undefined, signal: AbortSignal): Promise<string | undefined> {
    const { context, client, sink, feed, link } = this.#means;
    if (sink === undefined) return undefined;
    const run = await feed.until((one) => hasBegun(of(one)) || isFinal(one.state), signal);
    const begun = of(run);
    if (begun === undefined || !hasBegun(begun)) return undefined;
    this.#current = new LogCopy({ context, client, link, sink }, { runId: run.id, phase, follow: true });
    try {
      await this.#current.run(signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = messageOf(error);
      context.notes.warn(`the log cannot be read: ${why}`);
    }
    return begun.jobId;
  }

  async #settled(shown: Promise<void>, signal: AbortSignal): Promise<void> {
    const { context, feed } = this.#means;
    for (let position = -1n; ; ) {
      using stalled = linkSignals(signal);
      const pause = context.io.clock.sleep(stallMs, stalled.signal).then(() => "stalled" as const);
      pause.catch(() => {});
      const first = await Promise.race([shown.then(() => "shown" as const), pause]);
      stalled.abort();
      if (first === "shown") return;
      const reached = this.#current?.position ?? 0n;
      if (reached === position) break;
      position = reached;
    }
    context.notes.warn(`the rest of the log has not come: ${context.command(`run logs ${feed.latest.id}`)}`);
  }
}

/** True once an agent has started the phase, or has left a log of it. */
const hasBegun = (phase: Phase | undefined): boolean =>
  phase !== undefined && (phase.startTime !== undefined || phase.logBytes > 0n);
