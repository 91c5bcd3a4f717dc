import { create } from "@bufbuild/protobuf";
import { type Run, RunEventSchema, RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { isKeyOf } from "../../lib/values/records.ts";
import { cutSentence, sentence } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import { answerChanged } from "../shared/answers.ts";
import { command, one, some } from "../shared/command.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { priorities } from "./options.ts";
import { findRun, liveTarget, runTarget } from "./target.ts";
import { runName, sayLink } from "./view.ts";

const changed = (run: Run | undefined) => {
  const message = run ?? create(RunSchema);
  return { schema: RunSchema, message, name: runName(message) };
};

export const retry = command({
  name: "retry",
  summary: "Start a run again: same configuration, options, targets and variables",
  examples: ["windlass run retry run_…", 'windlass run retry network -m "after the quota was raised"'],
  positionals: { run: runTarget },
  flags: { message: sentence("for people (default: the run's)", { short: "m" }) },
  guard: () => "apply",
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const { id } = await findRun(context, args.run);
    const requestId = context.io.random.uuid();
    const { run } = await client.retryRun({ runId: id, message: flags.message ?? "", requestId });
    const shown = changed(run);
    await answerChanged(context, { ...shown, done: `Started ${shown.message.id}, which repeats ${id}` }, [
      { label: "Follow it", command: context.command(`run logs ${shown.message.id} -f`) },
    ]);
    await sayLink(context, shown.message);
    return undefined;
  },
});

export const comment = command({
  name: "comment",
  summary: "Say something about a run; run get shows it",
  examples: ['windlass run comment run_… "waits for CHG-118"'],
  positionals: { run: runTarget, words: some("TEXT", "what to say") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { args }) => {
    const client = await context.client(RunService);
    const { id } = await findRun(context, args.run);
    const { event } = await client.commentRun({ runId: id, comment: cutSentence(args.words.join(" ")) });
    const message = event ?? create(RunEventSchema);
    const done = `Commented on ${id}`;
    return answerChanged(context, { schema: RunEventSchema, message, name: `run/${id}`, done });
  },
});

export const forceExecute = command({
  name: "force-execute",
  summary: "Let a run that waits for its workspace have it now; those before it are discarded or canceled",
  examples: ['windlass run force-execute run_… --comment "the fix for the outage"'],
  positionals: { run: liveTarget },
  flags: { comment: sentence("for people") },
  guard: () => "force",
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const { id, workspace } = await findRun(context, args.run);
    await confirmOrStop(context, `End every run of ${workspace} before ${id}, with their plans?`);
    const { run } = await client.forceExecuteRun({ runId: id, comment: flags.comment ?? "" });
    return answerChanged(context, { ...changed(run), done: `${id} has its workspace` }, [
      { label: "Follow it", command: context.command(`run logs ${id} -f`) },
    ]);
  },
});

const words = Object.keys(priorities).join(", ");
const isPriority = (word: string): word is keyof typeof priorities => isKeyOf(priorities, word);

export const priority = command({
  name: "priority",
  summary: "Let a run that waits go before or after others",
  examples: ["windlass run priority run_… high"],
  positionals: { run: liveTarget, priority: one("PRIORITY", words) },
  run: async (context, { args }) => {
    if (!isPriority(args.priority)) throw usageError(`PRIORITY is one of ${words}, not "${args.priority}"`);
    const client = await context.client(RunService);
    const { id } = await findRun(context, args.run);
    const { run } = await client.setRunPriority({ runId: id, priority: priorities[args.priority] });
    return answerChanged(context, { ...changed(run), done: `${id} has the priority ${args.priority}` });
  },
});
