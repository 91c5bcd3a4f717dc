import { type Run, RunPhase } from "../../gen/windlass/v1/run_pb.ts";
import {
  RunService,
  type StreamRunLogsResponse,
  StreamRunLogsResponseSchema,
} from "../../gen/windlass/v1/run_service_pb.ts";
import { abortable } from "../../lib/async/abort.ts";
import { choice, count, text, toggle } from "../line/flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { command } from "../shared/command.ts";
import { Interrupted } from "../terminal/io.ts";
import { answersOf } from "../terminal/output.ts";
import { followRun } from "./follow.ts";
import { RunLink } from "./link.ts";
import { LogCopy, LogSink } from "./log.ts";
import { type LineRange, lineRange, printLines, searchLogs } from "./log-search.ts";
import { interruptedRun } from "./outcome.ts";
import { isFinal } from "./states.ts";
import { findRun, type Runs, runTarget } from "./target.ts";
import { stateLine } from "./view.ts";

const phases = { plan: RunPhase.PLAN, apply: RunPhase.APPLY } as const;

export const logs = command({
  name: "logs",
  summary: "Print the logs of a run: plan, then apply",
  examples: [
    "windlass run logs network",
    "windlass run logs run_… --phase apply -f",
    "windlass run logs run_… --phase plan --since-offset 4096 --raw",
    'windlass run logs network --search "error:"',
    "windlass run logs run_… --phase plan --lines 120-140",
    "windlass run logs network -f --timestamps",
  ],
  positionals: { run: runTarget },
  flags: {
    follow: toggle("go on until the logs are complete", { short: "f" }),
    phase: choice("only this phase", ["plan", "apply"]),
    sinceOffset: count("begin at this byte, with --phase", Number.MAX_SAFE_INTEGER),
    search: text("only the lines that have this text, with their numbers, in any case"),
    matchCase: toggle("with --search: tell large letters from small ones"),
    lines: lineRange("only these lines, with --phase"),
    timestamps: toggle("before each line, when the server got it: in UTC, to the second"),
    raw: toggle("the stored bytes as they are, terminal escapes included; else only colors pass, on a terminal"),
  },
  formats: ["table", "wide", "json", "jsonl"],
  run: async (context, { args, flags }) => {
    if (flags.sinceOffset !== undefined && flags.phase === undefined) throw usageError("--since-offset needs --phase");
    refuseTogether(flags);
    const client = await context.client(RunService);
    const run = await findRun(context, args.run);
    const wanted: Wanted = {
      run,
      phase: flags.phase === undefined ? undefined : phases[flags.phase],
      offset: BigInt(flags.sinceOffset ?? 0),
      isFollowed: flags.follow === true,
      isRaw: flags.raw === true,
      hasTimes: flags.timestamps === true,
    };
    try {
      if (flags.search !== undefined) {
        const found = phasesOf(context, wanted);
        const asked = { runId: run.id, text: flags.search, matchCase: flags.matchCase === true };
        await searchLogs(context, client, { ...asked, phases: found });
      } else if (flags.lines !== undefined && wanted.phase !== undefined) {
        const sink = new LogSink(answersOf(context.io, context.globals), wanted.isRaw, wanted.hasTimes);
        await printLines(context, client, { runId: run.id, phase: wanted.phase, lines: flags.lines, sink });
      } else await copy(context, client, wanted);
    } catch (error) {
      if (context.io.signal.reason instanceof Interrupted && wanted.isFollowed) throw interruptedRun(context, run);
      throw error;
    }
    return undefined;
  },
});

/** Flags that say different things. */
function refuseTogether(flags: LogFlags): void {
  const { search, matchCase, lines, follow, sinceOffset, phase, raw, timestamps } = flags;
  if (lines !== undefined && phase === undefined) throw usageError("--lines needs --phase");
  if (matchCase === true && search === undefined) throw usageError("--match-case needs --search");
  if (search === "") throw usageError("--search needs a text");
  const whole = follow === true || sinceOffset !== undefined;
  if ((search !== undefined || lines !== undefined) && whole)
    throw usageError("--search and --lines look at what is there: leave out --follow and --since-offset");
  if (search !== undefined && (lines !== undefined || raw === true))
    throw usageError("--search prints the text of lines: leave out --lines and --raw");
  if (timestamps === true && (search !== undefined || raw === true))
    throw usageError("--timestamps stand before the lines of the log itself: leave out --search and --raw");
}

interface LogFlags {
  readonly search: string | undefined;
  readonly matchCase: boolean | undefined;
  readonly lines: LineRange | undefined;
  readonly follow: boolean | undefined;
  readonly sinceOffset: number | undefined;
  readonly phase: keyof typeof phases | undefined;
  readonly raw: boolean | undefined;
  readonly timestamps: boolean | undefined;
}

interface Wanted {
  readonly run: Run;
  readonly phase: RunPhase | undefined;
  readonly offset: bigint;
  readonly isFollowed: boolean;
  readonly isRaw: boolean;
  readonly hasTimes: boolean;
}

async function copy(context: Context, client: Runs, wanted: Wanted): Promise<void> {
  const { io, printer } = context;
  const sink = new LogSink(answersOf(io, context.globals), wanted.isRaw, wanted.hasTimes);
  if (wanted.isFollowed && wanted.phase === undefined && printer.isForPeople) {
    const never = (signal: AbortSignal) => abortable(new Promise<never>(() => {}), signal);
    await followRun(
      {
        context,
        client,
        sink,
        onChange: async (_run, line) => context.notes.progress(`${context.notes.signs.dot} ${line}`),
        decide: (_run, signal) => never(signal).catch(() => "decided" as const),
        waitTimeoutMs: undefined,
      },
      wanted.run,
    );
    return;
  }
  const onMessage = (message: StreamRunLogsResponse) => printer.event(StreamRunLogsResponseSchema, message);
  const link = new RunLink(context);
  const means = { context, client, sink, link, onMessage: printer.isForPeople ? undefined : onMessage };
  for (const { number: phase } of phasesOf(context, wanted)) {
    const { run, offset, isFollowed: follow } = wanted;
    await new LogCopy(means, { runId: run.id, phase, follow, offset }).run(io.signal);
  }
}

/** The phases to read. A phase that has not begun has no log; a followed one will have. */
function phasesOf(context: Context, { run, phase, isFollowed }: Wanted) {
  const all = [
    { number: RunPhase.PLAN, name: "plan", phase: run.plan },
    { number: RunPhase.APPLY, name: "apply", phase: run.apply },
  ].filter((one) => phase === undefined || one.number === phase);
  const present = all.filter(
    (one) => isFollowed || (one.phase?.logBytes ?? 0n) > 0n || one.phase?.startTime !== undefined,
  );
  if (present.length > 0) return present;
  throw new CliError(
    "notFound",
    `run ${run.id} has no ${phase === undefined ? "" : `${all[0]?.name} `}log${isFinal(run.state) ? "" : " yet"}: it is ${stateLine(run)}`,
    {
      hints: isFinal(run.state) ? [] : [{ label: "Wait for it", command: context.command(`run watch ${run.id}`) }],
    },
  );
}
