import { RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { abortable } from "../../lib/async/abort.ts";
import { duration } from "../line/flags.ts";
import { command } from "../shared/command.ts";
import { Interrupted } from "../terminal/io.ts";
import { followRun } from "./follow.ts";
import { interruptedAt, outcome } from "./outcome.ts";
import { findRun, liveTarget } from "./target.ts";
import { runName } from "./view.ts";

export const watch = command({
  name: "watch",
  summary: "Print where a run stands, and each change, until it ends",
  examples: ["windlass run watch network", "windlass run watch run_… -o jsonl"],
  positionals: { run: liveTarget },
  flags: { waitTimeout: duration("leave with exit code 8 after the run has waited this long") },
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const run = await findRun(context, args.run, "live");
    const { printer } = context;
    if (printer.isForPeople) await printer.lines([`${run.id} in workspace ${run.workspace}`]);
    let latest = run;
    try {
      const last = await followRun(
        {
          context,
          client,
          sink: undefined,
          onChange: async (now, line) => {
            latest = now;
            if (printer.isForPeople) await printer.lines([`${context.notes.signs.dot} ${line}`]);
            else if (printer.format === "name") await printer.lines([`${runName(now)} ${line}`]);
            else await printer.event(RunSchema, now);
          },
          decide: (_run, signal) => untilAborted(signal),
          waitTimeoutMs: flags.waitTimeout,
        },
        run,
      );
      return outcome(context, last, { isDetailed: false, sink: undefined });
    } catch (error) {
      if (context.io.signal.reason instanceof Interrupted) throw interruptedAt(context, latest);
      throw error;
    }
  },
});

/** A watcher decides nothing: it waits until somebody else has. */
const untilAborted = (signal: AbortSignal): Promise<"decided"> =>
  abortable(new Promise<never>(() => {}), signal).catch(() => "decided" as const);
