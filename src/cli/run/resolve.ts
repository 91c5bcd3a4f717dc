import { create } from "@bufbuild/protobuf";
import { type Run, RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { RunResolution, RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { sentence } from "../line/flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged } from "../shared/answers.ts";
import { command, maybe, one } from "../shared/command.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { detailLines } from "../terminal/table.ts";
import { factsOf, isUnresolved } from "./states.ts";
import { findRun } from "./target.ts";
import { inFlightLines, isLost, lostLines, runName } from "./view.ts";

const resolutions = {
  wait: {
    value: RunResolution.WAIT,
    done: "goes on waiting for its agent",
    label: "Its agent comes back",
  },
  "accept-snapshot": {
    value: RunResolution.ACCEPT_SNAPSHOT,
    done: "is over: its newest state is the workspace's",
    label: "Its last state is right",
  },
  unlock: {
    value: RunResolution.UNLOCK,
    done: "is over: the workspace keeps the state it had",
    label: "Keep the state as it is",
  },
} as const;

const words = Object.keys(resolutions).join(", ");
const isResolution = (word: string): word is keyof typeof resolutions => Object.hasOwn(resolutions, word);

export const resolveRun = command({
  name: "resolve",
  summary: "Decide about a run whose agent was lost during its apply",
  examples: [
    "windlass run resolve run_…",
    "windlass run resolve network accept-snapshot",
    'windlass run resolve run_… wait --comment "host comes back"',
  ],
  positionals: {
    run: one("RUN", "its id; or a workspace: the run that holds it"),
    resolution: maybe("DECISION", `${words}; without it the run is shown, and what can be decided`),
  },
  flags: { comment: sentence("for people") },
  guard: () => "force",
  run: async (context, { args, flags }) => {
    const { resolution } = args;
    if (resolution !== undefined && !isResolution(resolution))
      throw usageError(`DECISION is one of ${words}, not "${resolution}"`);
    const found = await findRun(context, args.run, "unresolved");
    if (resolution === undefined) return showChoices(context, found);
    const client = await context.client(RunService);
    const { id } = found;
    const { value, done } = resolutions[resolution];
    if (resolution !== "wait" && isUnresolved(found)) {
      for (const line of factLines(found)) context.notes.say(line);
      await confirmOrStop(context, `${riskOf(found)} Unlock the workspace of ${id} all the same?`);
    }
    const { run } = await client.resolveRun({ runId: id, resolution: value, comment: flags.comment ?? "" });
    const message = run ?? create(RunSchema);
    return answerChanged(context, { schema: RunSchema, message, name: runName(message), done: `${id} ${done}` });
  },
});

/** What goes wrong when it is unlocked without a look. */
const riskOf = (run: Run): string =>
  isLost(run)
    ? `Its ${run.engine || "program"} may still be running.`
    : "Runs that wait go on at once, and make again what is in no state.";

/** What the decision is about where something is in no state. */
const lostHints = (context: Context, { id, lost }: Run) =>
  lost.length === 0
    ? []
    : [
        { label: "What is in no state", command: context.command(`run lost ${id}`) },
        { label: "Blocks that import it", command: context.command(`run lost ${id} -o hcl`) },
      ];

/** What is known of a lost apply. */
const factLines = (run: Run): readonly string[] =>
  detailLines([
    ["Run", `${run.id} of workspace ${run.workspace}`],
    ["Error", run.errorMessage],
    ...inFlightLines(run),
    ...lostLines(run),
    ["State it stored last", run.stateVersionId || "none"],
    ["Its agent", run.apply?.agentName ?? ""],
  ]);

async function showChoices(context: Context, run: Run): Promise<undefined> {
  if (!isUnresolved(run)) {
    const message = `run ${run.id} is ${factsOf(run.state).text} and holds no workspace after a lost apply: there is nothing to resolve`;
    throw new CliError("conflict", message, {
      code: "FAILED_PRECONDITION",
      reason: "RUN_NOT_RESOLVABLE",
      metadata: { run_id: run.id },
      hints: [{ label: "See it", command: context.command(`run get ${run.id}`) }],
    });
  }
  await context.printer.resource({ schema: RunSchema, message: run, name: runName(run), lines: factLines(run) });
  context.notes.say("Look at these resources where they are, then decide:");
  context.notes.next(lostHints(context, run));
  context.notes.next(
    Object.entries(resolutions).map(([word, { label }]) => ({
      label,
      command: context.command(`run resolve ${run.id} ${word}`),
    })),
  );
  return undefined;
}
