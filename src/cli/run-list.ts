import { create } from "@bufbuild/protobuf";
import { RunSchema, RunState } from "../gen/windlass/v1/run_pb.ts";
import { ListRunsResponseSchema, RunService } from "../gen/windlass/v1/run_service_pb.ts";
import type { Context } from "./context.ts";
import { choiceList, type FlagValues } from "./flags.ts";
import { fetchRows, listFlags } from "./lists.ts";
import { runColumns, runName } from "./run-view.ts";
import { enumFlagWords } from "./words.ts";

export const runListFlags = {
  state: choiceList("only runs in these states", enumFlagWords(RunState)),
  ...listFlags,
};

/** Lists the runs of a workspace, or of the whole organization if it is empty. */
export async function listRuns(
  context: Context,
  workspace: string,
  flags: FlagValues<typeof runListFlags>,
): Promise<undefined> {
  const client = await context.client(RunService);
  const scope = { organization: await context.organization(), workspace, states: flags.state.map(stateOf) };
  const { rows: runs, nextPageToken } = await fetchRows(context, flags, async (page) => {
    const answer = await client.listRuns({ ...scope, ...page });
    return { rows: answer.runs, nextPageToken: answer.nextPageToken };
  });
  const message = create(ListRunsResponseSchema, { runs, nextPageToken });
  const shown = { schema: ListRunsResponseSchema, message, item: RunSchema };
  await context.printer.list({ ...shown, rows: runs, name: runName, columns: runColumns }, flags);
  return undefined;
}

const byWord = new Map(
  Object.entries(RunState).map(([name, state]) => [name.toLowerCase().replaceAll("_", "-"), state]),
);
const stateOf = (word: string): RunState => byWord.get(word) ?? RunState.UNSPECIFIED;
