import { create } from "@bufbuild/protobuf";
import { type Run, RunSchema } from "../gen/windlass/v1/run_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../gen/windlass/v1/state_service_pb.ts";
import { command, one } from "./command.ts";
import type { Context } from "./context.ts";
import { type ExitCode, exitCodes } from "./exit.ts";
import { Interrupted } from "./io.ts";
import { outputLines } from "./outputs.ts";
import { confirmByName } from "./prompts.ts";
import { decide } from "./run-decide.ts";
import { followRun } from "./run-follow.ts";
import { LogSink, shownEscapes } from "./run-log.ts";
import { checkStartFlags, directoryOf, priorities, runOptions, type StartFlags, startFlags } from "./run-options.ts";
import { interruptedRun, outcome, stillWaiting } from "./run-outcome.ts";
import { isFinal } from "./run-states.ts";
import type { Runs } from "./run-target.ts";
import { runLines, runName } from "./run-view.ts";
import { uploadDirectory } from "./upload.ts";

export const start = command({
  name: "start",
  summary: "Upload a directory, plan it, and apply it once it is confirmed",
  examples: [
    'windlass run start network --dir ./infra -m "resize db"',
    "windlass run start network --plan-only --detailed-exitcode",
    "windlass run start network --dir . --auto-apply -o json",
    "windlass run start network --cv latest --destroy",
    "windlass run start network --no-wait --priority high --queue-timeout 30m",
  ],
  positionals: { workspace: one("WS", "name or id of the workspace") },
  flags: startFlags,
  guard: (flags) => (flags.planOnly === true ? undefined : "apply"),
  run: async (context, { args, flags }) => {
    checkStartFlags(flags);
    runOptions(flags);
    if (flags.destroy === true && flags.autoApply === true) {
      await confirmByName(context, `Destroy everything in ${args.workspace} without showing the plan?`, args.workspace);
    }
    const client = await context.client(RunService);
    const run = await createRun(context, { client, workspace: args.workspace, flags });
    if (context.io.signal.aborted) throw interruptedRun(context, run);
    if (flags.detach === true) return detached(context, run);
    context.notes.say(`${run.id} created in workspace ${run.workspace}`);
    return follow(context, { client, run, flags });
  },
});

interface Wish {
  readonly client: Runs;
  readonly workspace: string;
  readonly flags: StartFlags;
}

async function createRun(context: Context, { client, workspace, flags }: Wish): Promise<Run> {
  const request = {
    organization: await context.organization(),
    workspace,
    configurationVersionId: await configuration(context, workspace, flags),
    options: runOptions(flags),
    message: flags.message ?? "",
    requestId: context.io.random.uuid(),
    ...(flags.priority === undefined ? {} : { priority: priorities[flags.priority] }),
  };
  context.io.signal.throwIfAborted();
  // Not ended by Ctrl-C: whether the run was created, and how to end it, must be told.
  const { run } = await client.createRun(request, { signal: new AbortController().signal });
  return run ?? create(RunSchema);
}

async function configuration(context: Context, workspace: string, flags: StartFlags): Promise<string> {
  if (flags.cv !== undefined) return flags.cv === "latest" ? "" : flags.cv;
  const { id } = await uploadDirectory(context, workspace, directoryOf(flags, context.io.workingDirectory));
  return id;
}

async function detached(context: Context, run: Run): Promise<undefined> {
  const shown = { schema: RunSchema, message: run, name: runName(run) };
  await context.printer.resource({ ...shown, lines: [run.id] });
  context.notes.next([{ label: "Follow it", command: context.command(`run logs ${run.id} -f`) }]);
  return undefined;
}

interface Started {
  readonly client: Runs;
  readonly run: Run;
  readonly flags: StartFlags;
}

async function follow(context: Context, { client, run, flags }: Started): Promise<ExitCode> {
  const { notes } = context;
  const deciding = { context, client, noWait: flags.noWait === true };
  const sink = logSink(context, flags.raw === true);
  try {
    const last = await followRun(
      {
        context,
        client,
        sink,
        onChange: async (_run, line) => notes.progress(`${notes.signs.dot} ${line}`),
        decide: (planned, signal) => decide(deciding, planned, signal),
        waitTimeoutMs: flags.noWait === true ? Math.min(noWaitMs, flags.waitTimeout ?? noWaitMs) : flags.waitTimeout,
      },
      run,
    );
    const exit = await finish(context, last, flags);
    // Terraform's log of an apply usually ends with them.
    if (exit === exitCodes.done && sink?.hasShownOutputs === false) await printOutputs(context, last);
    return exit;
  } catch (error) {
    if (context.io.signal.reason instanceof Interrupted || error instanceof Interrupted)
      throw interruptedRun(context, run);
    throw error;
  }
}

/** What an idle agent needs to take a job is no waiting. */
const noWaitMs = 2_000;

/** Logs belong to the answer for people; programs get the run on stdout, and the log beside it on stderr. */
function logSink(context: Context, isRaw: boolean): LogSink | undefined {
  const { io, printer, globals } = context;
  const output = printer.isForPeople ? io.stdout : io.stderr;
  if (!printer.isForPeople && globals.quiet === true) return undefined;
  return new LogSink(output, shownEscapes(context, output, isRaw));
}

async function finish(context: Context, run: Run, flags: StartFlags): Promise<ExitCode> {
  const { printer } = context;
  if (!printer.isForPeople) {
    await printer.resource({ schema: RunSchema, message: run, name: runName(run), lines: runLines(run) });
  }
  if (!isFinal(run.state)) throw stillWaiting(context, run);
  return outcome(context, run, flags.detailedExitcode === true);
}

/** The outputs of the state that the run's apply made. */
async function printOutputs(context: Context, { stateVersionId }: Run): Promise<void> {
  if (stateVersionId === "" || !context.printer.isForPeople) return;
  const client = await context.client(StateService);
  const { outputs } = await client.getOutputs({ stateVersionId });
  if (outputs.length > 0) await context.printer.lines(["", "Outputs:", "", ...outputLines(outputs)]);
}
