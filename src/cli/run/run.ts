import { create } from "@bufbuild/protobuf";
import { type Run, RunSchema, RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { sentence, text, toggle } from "../line/flags.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged } from "../shared/answers.ts";
import { type Command, command, one } from "../shared/command.ts";
import { confirmByName, confirmOrStop } from "../shared/prompts.ts";
import { forceExecute, priority, retry, comment as say } from "./change.ts";
import { listRuns, runListFlags } from "./list.ts";
import { logs } from "./logs.ts";
import { lost } from "./lost.ts";
import { resolveHint } from "./outcome.ts";
import { plan } from "./plan.ts";
import { resolveRun } from "./resolve.ts";
import { start } from "./start.ts";
import { isFinal, isUnresolved } from "./states.ts";
import { findRun, plannedTarget, runTarget } from "./target.ts";
import { timelineLines } from "./timeline.ts";
import { plannedText, runLines, runLink, runName, stateLine } from "./view.ts";
import { watch } from "./watch.ts";

const comment = sentence("for people");
const changed = (run: Run | undefined) => {
  const message = run ?? create(RunSchema);
  return { schema: RunSchema, message, name: runName(message) };
};

const list = command({
  name: "list",
  summary: "List runs, newest first",
  examples: [
    "windlass run list",
    "windlass run list -w network --state planned,applying -o wide",
    "windlass run list --active --tag prod --since 7d",
    "windlass run list --needs-decision",
  ],
  flags: { workspace: text("only runs of this workspace", { short: "w", placeholder: "WS" }), ...runListFlags },
  run: (context, { flags }) => listRuns(context, flags.workspace ?? "", flags),
});

const get = command({
  name: "get",
  summary: "Show a run",
  examples: ["windlass run get network", "windlass run get run_… -o json"],
  positionals: { run: runTarget },
  run: async (context, { args }) => {
    const message = await findRun(context, args.run);
    const timeline = context.printer.isForPeople ? await timelineLines(context, message) : [];
    const lines = [...runLines(message, await runLink(context, message)), ...timeline];
    await context.printer.resource({ schema: RunSchema, message, name: runName(message), lines });
    if (context.printer.isForPeople && isUnresolved(message)) context.notes.next([resolveHint(context, message)]);
    return undefined;
  },
});

/** The run to decide about. One that does not wait for it is refused before anybody is asked anything. */
async function findPlanned(context: Context, target: string, verb: "confirm" | "discard"): Promise<Run> {
  const run = await findRun(context, target, "planned");
  // A state of a newer server: it knows what can be decided.
  if (run.state === RunState.PLANNED || run.state === RunState.UNSPECIFIED) return run;
  const isEndable = verb === "discard" && !isFinal(run.state);
  const hints = [
    ...(isEndable ? [{ label: "End it", command: context.command(`run cancel ${run.id}`) }] : []),
    isUnresolved(run) ? resolveHint(context, run) : { label: "See it", command: context.command(`run get ${run.id}`) },
    { label: "See what waits", command: context.command("run list --needs-decision") },
  ];
  throw new CliError("conflict", `run ${run.id} is ${stateLine(run)}: there is nothing to ${verb}`, {
    code: "FAILED_PRECONDITION",
    reason: verb === "confirm" ? "RUN_NOT_CONFIRMABLE" : "RUN_NOT_DISCARDABLE",
    metadata: { run_id: run.id },
    hints,
  });
}

const confirm = command({
  name: "confirm",
  summary: "Let a planned run apply exactly what was planned",
  examples: ['windlass run confirm run_… --comment "ok, CHG-118"', "windlass run confirm network"],
  positionals: { run: plannedTarget },
  flags: { comment },
  guard: () => "apply",
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const read = await findPlanned(context, args.run, "confirm");
    const changes = plannedText(read) || "no changes";
    if (read.options?.destroy === true) {
      await confirmByName(context, `This run destroys (${changes}).`, read.workspace);
    }
    const { run } = await client.confirmRun({
      runId: read.id,
      planSha256: read.planSha256,
      comment: flags.comment ?? "",
    });
    return answerChanged(context, { ...changed(run), done: `Confirmed ${read.id}: ${changes}` }, [
      { label: "Follow it", command: context.command(`run logs ${read.id} --phase apply -f`) },
    ]);
  },
});

const discard = command({
  name: "discard",
  summary: "End a planned run without applying it",
  examples: ["windlass run discard run_…"],
  positionals: { run: plannedTarget },
  flags: { comment },
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const { id } = await findPlanned(context, args.run, "discard");
    const { run } = await client.discardRun({ runId: id, comment: flags.comment ?? "" });
    return answerChanged(context, { ...changed(run), done: `Discarded ${id}` });
  },
});

const cancel = command({
  name: "cancel",
  summary: "Ask a run to end; terraform or tofu gets one interrupt",
  examples: ["windlass run cancel run_…", "windlass run cancel run_… --force"],
  positionals: { run: one("RUN", "its id; or a workspace: the run that holds it, else the first that waits") },
  flags: { force: toggle("end the program by force, once it has had its time"), comment },
  guard: (flags) => (flags.force === true ? "force" : undefined),
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const { id, engine } = await findRun(context, args.run, "open");
    const force = flags.force === true;
    if (force) {
      const risk = "A resource being changed may be left out of the state.";
      await confirmOrStop(context, `End ${engine || "the program"} of ${id} by force? ${risk}`);
    }
    const { run } = await client.cancelRun({ runId: id, force, comment: flags.comment ?? "" });
    // What no agent has yet ends at once.
    if (run !== undefined && isFinal(run.state))
      return answerChanged(context, { ...changed(run), done: `Canceled ${id}` });
    const { reason, detail = "" } = run?.waiting ?? {};
    const held = reason === WaitingReason.AGENT_UNREACHABLE ? `: ${detail}` : "";
    return answerChanged(context, { ...changed(run), done: `Asked ${id} to end${held}` }, [
      { label: "Watch it", command: context.command(`run watch ${id}`) },
    ]);
  },
});

/** Every verb of `windlass run`. */
export const runCommands: readonly Command[] = [
  start,
  list,
  get,
  plan,
  watch,
  logs,
  confirm,
  discard,
  cancel,
  retry,
  priority,
  forceExecute,
  say,
  resolveRun,
  lost,
];
