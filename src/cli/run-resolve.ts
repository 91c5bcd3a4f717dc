import { create } from "@bufbuild/protobuf";
import { RunSchema } from "../gen/windlass/v1/run_pb.ts";
import { RunResolution, RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { answerChanged } from "./answers.ts";
import { command, one } from "./command.ts";
import { text } from "./flags.ts";
import { usageError } from "./problem.ts";
import { confirmOrStop } from "./prompts.ts";
import { findRun, runTarget } from "./run-target.ts";
import { runName } from "./run-view.ts";

const resolutions = {
  wait: { value: RunResolution.WAIT, done: "goes on waiting for its agent" },
  "accept-snapshot": { value: RunResolution.ACCEPT_SNAPSHOT, done: "is over: its newest state is the workspace's" },
  unlock: { value: RunResolution.UNLOCK, done: "is over: the workspace keeps the state it had" },
} as const;

const words = Object.keys(resolutions).join(", ");
const isResolution = (word: string): word is keyof typeof resolutions => word in resolutions;

export const resolveRun = command({
  name: "resolve",
  summary: "Decide about a run whose agent was lost during its apply",
  examples: [
    "windlass run resolve run_… accept-snapshot",
    'windlass run resolve run_… wait --comment "host comes back"',
  ],
  positionals: { run: runTarget, resolution: one("DECISION", words) },
  flags: { comment: text("for people") },
  guard: () => "force",
  run: async (context, { args, flags }) => {
    const { resolution } = args;
    if (!isResolution(resolution)) throw usageError(`DECISION is one of ${words}, not "${resolution}"`);
    const client = await context.client(RunService);
    const { id } = await findRun(context, args.run);
    const { value, done } = resolutions[resolution];
    if (resolution !== "wait") {
      await confirmOrStop(context, `Its terraform may still be running. Unlock the workspace of ${id} all the same?`);
    }
    const { run } = await client.resolveRun({ runId: id, resolution: value, comment: flags.comment ?? "" });
    const message = run ?? create(RunSchema);
    return answerChanged(context, { schema: RunSchema, message, name: runName(message), done: `${id} ${done}` });
  },
});
