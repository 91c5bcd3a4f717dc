import { create } from "@bufbuild/protobuf";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { RunSchema, RunSource, type RunState } from "../../gen/windlass/v1/run_pb.ts";
import { ListRunsResponseSchema, RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { choiceList, type FlagValues, list, text, toggle } from "../line/flags.ts";
import { instant, timestampOf } from "../line/instants.ts";
import type { Context } from "../server/context.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { enumFlagWords, enumOfFlagWord } from "../terminal/words.ts";
import { sentStates } from "./states.ts";
import { runColumns, runName } from "./view.ts";

export const runListFlags = {
  state: choiceList("only runs in these states", enumFlagWords(sentStates)),
  active: toggle("only runs that have not ended"),
  source: choiceList("only runs that were created so", enumFlagWords(RunSource)),
  needsDecision: toggle("only runs that wait for a person: plans to confirm, lost applies"),
  search: text("only runs with this text in id, message or who created them"),
  since: instant("only runs created at this time or later"),
  until: instant("only runs created before this time"),
  pool: text("only runs of workspaces of this pool", { short: "p", placeholder: "POOL" }),
  tag: list("only runs of workspaces with all of these tags"),
  agent: text("only runs that this agent has to do with", { placeholder: "AGENT" }),
  ...listFlags(runColumns),
};

/** Lists the runs of a workspace, or of the whole organization if it is empty. */
export async function listRuns(
  context: Context,
  workspace: string,
  flags: FlagValues<typeof runListFlags>,
): Promise<undefined> {
  const client = await context.client(RunService);
  const organization = await context.organization();
  const now = context.io.clock.now();
  const filter = {
    states: flags.state.map(stateOf),
    sources: flags.source.map(sourceOf),
    active: flags.active === true,
    needsDecision: flags.needsDecision === true,
    search: flags.search ?? "",
    agentPool: flags.pool ?? "",
    tags: [...flags.tag],
    agentId: flags.agent === undefined ? "" : await agentId(context, flags.agent),
    createdAfter: flags.since === undefined ? undefined : timestampOf(flags.since, now),
    createdBefore: flags.until === undefined ? undefined : timestampOf(flags.until, now),
  };
  const scope = { organization, workspace, ...filter };
  const { rows: runs, nextPageToken } = await fetchRows(context, { ...flags, isHistory: true }, async (page) => {
    const answer = await client.listRuns({ ...scope, ...page });
    return { rows: answer.runs, nextPageToken: answer.nextPageToken };
  });
  const message = create(ListRunsResponseSchema, { runs, nextPageToken });
  const shown = { schema: ListRunsResponseSchema, message, item: RunSchema };
  await context.printer.list({ ...shown, rows: runs, name: runName, columns: runColumns }, flags);
  return undefined;
}

/** Runs remember the ids of their agents. */
async function agentId(context: Context, named: string): Promise<string> {
  if (isId("agent", named)) return named;
  const client = await context.client(AgentService);
  const { agent } = await client.getAgent({ organization: await context.organization(), agent: named });
  return agent?.id ?? "";
}

const stateOf = (word: string): RunState => enumOfFlagWord(sentStates, word);
const sourceOf = (word: string): RunSource => enumOfFlagWord(RunSource, word);
