import { create } from "@bufbuild/protobuf";
import { type Run, RunSchema } from "../gen/windlass/v1/run_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { answerChanged } from "./answers.ts";
import { type Command, command } from "./command.ts";
import { text, toggle } from "./flags.ts";
import { confirmByName, confirmOrStop } from "./prompts.ts";
import { listRuns, runListFlags } from "./run-list.ts";
import { logs } from "./run-logs.ts";
import { resolveRun } from "./run-resolve.ts";
import { start } from "./run-start.ts";
import { findRun, runTarget } from "./run-target.ts";
import { changesText, runLines, runName } from "./run-view.ts";
import { watch } from "./run-watch.ts";

const comment = text("for people");
const changed = (run: Run | undefined) => {
  const message = run ?? create(RunSchema);
  return { schema: RunSchema, message, name: runName(message) };
};

const list = command({
  name: "list",
  summary: "List runs, newest first",
  examples: ["windlass run list", "windlass run list -w network --state planned,applying -o wide"],
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
    await context.printer.resource({ schema: RunSchema, message, name: runName(message), lines: runLines(message) });
    return undefined;
  },
});

const confirm = command({
  name: "confirm",
  summary: "Let a planned run apply exactly what was planned",
  examples: ['windlass run confirm run_… --comment "ok, CHG-118"', "windlass run confirm network"],
  positionals: { run: runTarget },
  flags: { comment },
  guard: () => "apply",
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const read = await findRun(context, args.run);
    const changes = changesText(read.plannedChanges) || "no changes";
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
  positionals: { run: runTarget },
  flags: { comment },
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const { id } = await findRun(context, args.run);
    const { run } = await client.discardRun({ runId: id, comment: flags.comment ?? "" });
    return answerChanged(context, { ...changed(run), done: `Discarded ${id}` });
  },
});

const cancel = command({
  name: "cancel",
  summary: "Ask a run to end; terraform gets one interrupt",
  examples: ["windlass run cancel run_…", "windlass run cancel run_… --force"],
  positionals: { run: runTarget },
  flags: { force: toggle("end terraform by force, once it has had its time"), comment },
  guard: (flags) => (flags.force === true ? "force" : undefined),
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const { id } = await findRun(context, args.run);
    const force = flags.force === true;
    if (force) {
      const risk = "A resource being changed may be left out of the state.";
      await confirmOrStop(context, `End terraform of ${id} by force? ${risk}`);
    }
    const { run } = await client.cancelRun({ runId: id, force, comment: flags.comment ?? "" });
    return answerChanged(context, { ...changed(run), done: `Asked ${id} to end` }, [
      { label: "Watch it", command: context.command(`run watch ${id}`) },
    ]);
  },
});

/** Every verb of `windlass run`. */
export const runCommands: readonly Command[] = [start, list, get, watch, logs, confirm, discard, cancel, resolveRun];
