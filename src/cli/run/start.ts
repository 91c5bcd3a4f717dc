import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Run, RunSchema, RunState } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { type ExitCode, exitCodes } from "../problems/exit.ts";
import type { Context } from "../server/context.ts";
import { command, one } from "../shared/command.ts";
import { everyPage } from "../shared/lists.ts";
import { outputLines } from "../shared/outputs.ts";
import { confirmByName } from "../shared/prompts.ts";
import { holdsConfiguration, isDirectory } from "../shared/upload-checks.ts";
import { Interrupted } from "../terminal/io.ts";
import { answersOf, remarksOf } from "../terminal/output.ts";
import { decide } from "./decide.ts";
import { followRun } from "./follow.ts";
import { LogSink } from "./log.ts";
import {
  checkStartFlags,
  directoryOf,
  priorityOf,
  runOptions,
  type StartFlags,
  startFlags,
  withAddressFiles,
} from "./options.ts";
import { decisionHints, interruptedAt, interruptedRun, outcome, stillWaiting } from "./outcome.ts";
import { isFinal } from "./states.ts";
import type { Runs } from "./target.ts";
import { runLines, runName, sayLink } from "./view.ts";

export const start = command({
  name: "start",
  summary: "Upload a directory, plan it, and apply it once it is confirmed",
  examples: [
    'windlass run start network --dir ./infra -m "resize db"',
    "windlass run start network --plan-only --detailed-exitcode",
    "windlass run start network --dir . --auto-apply -o json",
    "windlass run start network --cv latest --destroy",
    "windlass run start network --exclude module.db --exclude aws_instance.old",
    "windlass run start network --no-wait --priority high --queue-timeout 30m",
  ],
  positionals: { workspace: one("WS", "name or id of the workspace") },
  flags: startFlags,
  guard: (flags) => (flags.planOnly === true ? undefined : "apply"),
  run: async (context, { args, flags: given }) => {
    checkStartFlags(given);
    const flags = await withAddressFiles(given, context.io.workingDirectory);
    runOptions(flags);
    if (flags.destroy === true && flags.autoApply === true) {
      await checkStart(context, args.workspace, flags);
      await confirmByName(context, `Destroy everything in ${args.workspace} without showing the plan?`, args.workspace);
    }
    const client = await context.client(RunService);
    const run = await createRun(context, { client, workspace: args.workspace, flags });
    if (context.io.signal.aborted) throw interruptedRun(context, run);
    if (flags.detach === true) return detached(context, run);
    context.notes.say(`${run.id} created in workspace ${run.workspace}`);
    await sayLink(context, run);
    return follow(context, client, run, flags);
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
    priority: priorityOf(flags),
  };
  context.io.signal.throwIfAborted();
  // Not ended by Ctrl-C: whether the run was created, and how to end it, must be told.
  const { run } = await client.createRun(request, { signal: new AbortController().signal });
  return run ?? create(RunSchema);
}

async function configuration(context: Context, workspace: string, flags: StartFlags): Promise<string> {
  if (flags.cv !== undefined) return flags.cv === "latest" ? "" : flags.cv;
  const directory = directoryOf(flags, context.io.workingDirectory);
  // Only this command of its noun uploads.
  const { uploadDirectory, uploadNothing } = await import("../shared/upload.ts");
  const check = () => checkStart(context, workspace, flags);
  if (flags.destroy === true && (await isDirectory(directory)) && !(await holdsConfiguration(directory))) {
    await check();
    const { id } = await uploadNothing(context, workspace);
    context.notes.say(`${directory} holds no .tf files: the run destroys what the state of ${workspace} holds`);
    return id;
  }
  const { id } = await uploadDirectory(context, workspace, directory, {
    check,
    isForDestroy: flags.destroy === true,
  });
  return id;
}

/** What the server would refuse after the upload, it refuses now; one that does not know the question says it then. */
async function checkStart(context: Context, workspace: string, flags: StartFlags): Promise<void> {
  const client = await context.client(RunService);
  const asked = {
    organization: await context.organization(),
    workspace,
    // The values may be large.
    options: runOptions({ ...flags, var: flags.var.map(withoutValue), varHcl: [] }),
    priority: priorityOf(flags),
  };
  await client.checkRun(asked).catch((error: unknown) => {
    if (!(error instanceof ConnectError && error.code === Code.Unimplemented)) throw error;
  });
}

const withoutValue = (assigned: string): string => assigned.slice(0, assigned.indexOf("=") + 1);

async function detached(context: Context, run: Run): Promise<undefined> {
  const shown = { schema: RunSchema, message: run, name: runName(run) };
  await context.printer.resource({ ...shown, lines: [run.id] });
  for (const warning of run.warnings) context.notes.warn(warning);
  await sayLink(context, run);
  context.notes.next([{ label: "Follow it", command: context.command(`run logs ${run.id} -f`) }]);
  return undefined;
}

async function follow(context: Context, client: Runs, run: Run, flags: StartFlags): Promise<ExitCode> {
  const { notes } = context;
  const deciding = { context, client, noWait: flags.noWait === true };
  const sink = logSink(context, flags.raw === true);
  let latest = run;
  try {
    const last = await followRun(
      {
        context,
        client,
        sink,
        onChange: async (now, line) => {
          latest = now;
          notes.progress(`${notes.signs.dot} ${line}`);
        },
        decide: (planned, signal) => decide(deciding, planned, signal),
        waitTimeoutMs: flags.noWait === true ? Math.min(noWaitMs, flags.waitTimeout ?? noWaitMs) : flags.waitTimeout,
      },
      run,
    );
    const exit = await finish(context, last, flags, sink);
    // Terraform's log of an apply usually ends with them.
    if (exit === exitCodes.done && sink?.hasShownOutputs === false) await printOutputs(context, last);
    return exit;
  } catch (error) {
    if (context.io.signal.reason instanceof Interrupted || error instanceof Interrupted)
      throw interruptedAt(context, latest);
    throw error;
  }
}

/** What an idle agent needs to take a job is no waiting. */
const noWaitMs = 2_000;

/** Logs belong to the answer for people; programs get the run on stdout, and the log beside it on stderr. */
function logSink(context: Context, isRaw: boolean): LogSink | undefined {
  const { io, printer, globals } = context;
  if (!printer.isForPeople && globals.quiet === true) return undefined;
  return new LogSink((printer.isForPeople ? answersOf : remarksOf)(io, globals), isRaw);
}

async function finish(context: Context, run: Run, flags: StartFlags, sink: LogSink | undefined): Promise<ExitCode> {
  const { printer } = context;
  if (!printer.isForPeople) {
    await printer.resource({ schema: RunSchema, message: run, name: runName(run), lines: runLines(run) });
  }
  if (isSaved(run)) context.notes.next(decisionHints(context, run));
  if (isSaved(run)) return flags.detailedExitcode === true && run.hasChanges ? exitCodes.usage : exitCodes.done;
  if (!isFinal(run.state)) throw stillWaiting(context, run);
  return outcome(context, run, { isDetailed: flags.detailedExitcode === true, sink });
}

/** It was asked for, and has come to where it is to rest. */
const isSaved = ({ state, options }: Run): boolean => state === RunState.PLANNED && options?.savePlan === true;

/** The outputs of the state that the run's apply made. */
async function printOutputs(context: Context, { stateVersionId }: Run): Promise<void> {
  if (stateVersionId === "" || !context.printer.isForPeople) return;
  const client = await context.client(StateService);
  let head = ["", "Outputs:", ""];
  for await (const { outputs } of everyPage((page) => client.getOutputs({ stateVersionId, ...page }))) {
    if (outputs.length > 0) await context.printer.lines([...head, ...outputLines(outputs)]);
    head = [];
  }
}
