import { create } from "@bufbuild/protobuf";
import { AgentSchema } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentService, ListAgentsResponseSchema } from "../../gen/windlass/v1/agent_service_pb.ts";
import { type KeptDirectory, KeptDirectorySchema } from "../../gen/windlass/v1/run_pb.ts";
import { toggle } from "../line/flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged } from "../shared/answers.ts";
import { command, maybe, one } from "../shared/command.ts";
import { fetchRows, tableFlags } from "../shared/lists.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { keptColumns, keptCount, keptName, laterText } from "./view.ts";

const aboutAgent = "its id, or its name if only one has it";

export const kept = command({
  name: "kept",
  summary: "List the job directories that agents keep, because something in them could not be delivered",
  examples: ["windlass agent kept", "windlass agent kept vm-7 -o wide"],
  positionals: { agent: maybe("AGENT", aboutAgent) },
  flags: { ...tableFlags(keptColumns) },
  run: async (context, { args, flags }) => {
    const agents = (await readAgents(context, args.agent)).filter(({ keptDirectories }) => keptDirectories.length > 0);
    const rows = agents.flatMap(({ keptDirectories }) => keptDirectories);
    const message = create(ListAgentsResponseSchema, { agents });
    const shown = { schema: ListAgentsResponseSchema, message, item: KeptDirectorySchema };
    await context.printer.list({ ...shown, rows, name: keptName, columns: keptColumns }, flags);
    return undefined;
  },
});

/** One agent, or all of them, also those that have left. */
async function readAgents(context: Context, agent: string | undefined) {
  const client = await context.client(AgentService);
  const organization = await context.organization();
  if (agent !== undefined) return [await readAgent(context, agent)];
  const scope = { organization, includeExited: true };
  const { rows } = await fetchRows(context, { all: true, limit: undefined }, async (page) => {
    const answer = await client.listAgents({ ...scope, ...page });
    return { rows: answer.agents, nextPageToken: answer.nextPageToken };
  });
  return rows;
}

async function readAgent(context: Context, agent: string) {
  const client = await context.client(AgentService);
  const answer = await client.getAgent({ agent, organization: await context.organization() });
  return answer.agent ?? create(AgentSchema);
}

export const removeKept = command({
  name: "remove-kept",
  summary: "Let an agent remove the directory of a job that it keeps; what only this directory holds is lost",
  examples: ["windlass agent remove-kept vm-7 job_…", "windlass agent remove-kept vm-7 --all --yes"],
  positionals: { agent: one("AGENT", aboutAgent), job: maybe("JOB", "whose directory goes, as agent kept names it") },
  flags: { all: toggle("all that the agent keeps") },
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const isAll = flags.all === true;
    const job = args.job?.replace(/^kept\//, "");
    if (isAll === (job !== undefined)) throw usageError("name a job, or give --all: one of them");
    const client = await context.client(AgentService);
    const agent = await readAgent(context, args.agent);
    const chosen = agent.keptDirectories.filter(({ jobId }) => isAll || jobId === job);
    if (chosen.length === 0) throw keepsNone(context, { agent: agent.name, job });
    await confirmOrStop(context, question(agent.name, chosen));
    const jobIds = chosen.map(({ jobId }) => jobId);
    const answer = await client.removeKeptDirectories({ agent: agent.id, jobIds });
    const message = answer.agent ?? create(AgentSchema);
    const done = `Agent ${agent.name} removes ${keptCount(chosen.length)}${laterText(message, context)}`;
    return answerChanged(context, { schema: AgentSchema, message, name: `agent/${agent.name}`, done }, [
      { label: "See what is left", command: context.command(`agent kept ${agent.name}`) },
    ]);
  },
});

/** Says what would be lost. */
function question(agent: string, chosen: readonly KeptDirectory[]): string {
  const reasons = chosen.map(({ workspace, runId, reason }) => `  ${workspace}, ${runId}: ${reason}`);
  return [`Remove ${keptCount(chosen.length)} of agent ${agent}? What only they hold is lost.`, ...reasons].join("\n");
}

const keepsNone = (context: Context, { agent, job }: { readonly agent: string; readonly job: string | undefined }) =>
  new CliError("notFound", `agent ${agent} keeps no directory${job === undefined ? "" : ` of job ${job}`}`, {
    hints: [{ label: "See what it keeps", command: context.command(`agent kept ${agent}`) }],
  });
