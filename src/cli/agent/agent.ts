import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type Agent, AgentJobSchema, AgentSchema, AgentStatus } from "../../gen/windlass/v1/agent_pb.ts";
import {
  AgentService,
  ListAgentJobsResponseSchema,
  ListAgentsResponseSchema,
} from "../../gen/windlass/v1/agent_service_pb.ts";
import { lookUp } from "../../lib/values/records.ts";
import { choiceList, type FlagValues, maxReason, sentence, text, toggle } from "../line/flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged, answerGone, goneFormats } from "../shared/answers.ts";
import { type Command, command, one, some } from "../shared/command.ts";
import { fetchRows, listFlags, tableFlags } from "../shared/lists.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { enumFlagWords, enumText } from "../terminal/words.ts";
import { kept, removeKept } from "./kept.ts";
import { agentColumns, agentJobColumns, agentJobName, agentLines, agentName, laterText } from "./view.ts";
import { showAgents } from "./watch.ts";

const agent = one("AGENT", "its id, or its name if only one has it");

/** What lists and watches say of the agents that are wanted. */
const wantedFlags = {
  pool: text("only agents of this pool", { short: "p", placeholder: "POOL" }),
  selector: text("only agents with these labels, such as zone=a,gpu,!spot", { short: "l", placeholder: "LABELS" }),
  status: choiceList("only agents in these states", enumFlagWords(AgentStatus)),
};

const statusOf = (word: string): AgentStatus =>
  lookUp(AgentStatus, word.toUpperCase().replaceAll("-", "_")) ?? AgentStatus.UNSPECIFIED;

const wantedOf = async (context: Context, { pool, selector, status }: FlagValues<typeof wantedFlags>) => ({
  organization: await context.organization(),
  agentPool: pool ?? "",
  labelSelector: selector ?? "",
  statuses: status.map(statusOf),
});

const list = command({
  name: "list",
  summary: "List agents",
  examples: [
    "windlass agent list",
    "windlass agent list --pool prod -o wide",
    "windlass agent list --selector zone=a,gpu --status idle",
    "windlass agent list --watch",
  ],
  flags: {
    ...wantedFlags,
    search: text("only agents with this text in their name"),
    includeExited: toggle("also agents that said good-bye"),
    ...listFlags(agentColumns),
    watch: toggle("show each change, until Ctrl-C"),
  },
  run: async (context, { flags }) => {
    const wanted = await wantedOf(context, flags);
    if (flags.watch === true) {
      refuseBeside({ search: flags.search, "include-exited": flags.includeExited, limit: flags.limit, all: flags.all });
      return showAgents(context, wanted, flags);
    }
    const client = await context.client(AgentService);
    const scope = { ...wanted, includeExited: flags.includeExited === true, search: flags.search ?? "" };
    const { rows: agents, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listAgents({ ...scope, ...page });
      return { rows: answer.agents, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAgentsResponseSchema, { agents, nextPageToken });
    const shown = { schema: ListAgentsResponseSchema, message, item: AgentSchema };
    await context.printer.list({ ...shown, rows: agents, name: agentName, columns: agentColumns }, flags);
    return undefined;
  },
});

/** Nothing is accepted and ignored. */
function refuseBeside(flags: Readonly<Record<string, unknown>>): void {
  const [given] = Object.entries(flags).find(([, value]) => value !== undefined) ?? [];
  if (given !== undefined)
    throw usageError(
      `--${given} does not go with --watch: it shows every agent that --pool, --selector and --status name`,
    );
}

const watch = command({
  name: "watch",
  summary: "Show the agents, and each change, until Ctrl-C",
  examples: ["windlass agent watch", "windlass agent watch --pool prod -o jsonl"],
  flags: { ...wantedFlags, ...tableFlags(agentColumns) },
  run: async (context, { flags }) => showAgents(context, await wantedOf(context, flags), flags),
});

/** How many of its jobs are shown with an agent. */
const jobsShown = 10;

const get = command({
  name: "get",
  summary: "Show an agent and its last jobs",
  examples: ["windlass agent get vm-7"],
  positionals: { agent },
  run: async (context, { args }) => {
    const client = await context.client(AgentService);
    const answer = await client.getAgent({ agent: args.agent, organization: await context.organization() });
    const message = answer.agent ?? create(AgentSchema);
    const shown = { schema: AgentSchema, message, name: agentName(message) };
    const { printer } = context;
    const { jobs } = printer.isForPeople
      ? await client.listAgentJobs({ agent: message.id, pageSize: jobsShown })
      : { jobs: [] };
    const jobLines = jobs.length === 0 ? [] : ["", ...printer.table(jobs, agentJobColumns)];
    await printer.resource({ ...shown, lines: [...agentLines(message), ...jobLines] });
    return undefined;
  },
});

const jobs = command({
  name: "jobs",
  summary: "List the jobs that an agent holds or was the last to hold, newest first",
  examples: ["windlass agent jobs vm-7", "windlass agent jobs vm-7 --all -o jsonl"],
  positionals: { agent },
  flags: listFlags(agentJobColumns),
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentService);
    const scope = { agent: args.agent, organization: await context.organization() };
    const { rows, nextPageToken } = await fetchRows(context, { ...flags, isHistory: true }, async (page) => {
      const answer = await client.listAgentJobs({ ...scope, ...page });
      return { rows: answer.jobs, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAgentJobsResponseSchema, { jobs: rows, nextPageToken });
    const shown = { schema: ListAgentJobsResponseSchema, message, item: AgentJobSchema };
    await context.printer.list({ ...shown, rows, name: agentJobName, columns: agentJobColumns }, flags);
    return undefined;
  },
});

interface Steering {
  readonly agent: string;
  readonly organization: string;
  readonly reason: string;
}

type Agents = Client<typeof AgentService>;
type Steered = Promise<{ readonly agent?: Agent | undefined }>;

interface Steer {
  readonly summary: string;
  readonly done: string;
  /** What is told of an agent that has left. */
  readonly gone: string;
  /** True if the agent has to hear of it. */
  readonly isTold?: boolean | undefined;
  readonly examples: readonly string[];
  readonly call: (client: Agents, wanted: Steering) => Steered;
}

/** Pause and drain differ in their words only. */
const steer = (name: string, { summary, done, gone, isTold, examples, call }: Steer): Command =>
  command({
    name,
    summary,
    examples,
    positionals: { agent },
    flags: { reason: sentence("shown with the agent", {}, maxReason) },
    run: async (context, { args, flags }) => {
      const client = await context.client(AgentService);
      const wanted = { agent: args.agent, organization: await context.organization(), reason: flags.reason ?? "" };
      return told(context, (await call(client, wanted)).agent, { done, gone, isTold });
    },
  });

function told(
  context: Context,
  answer: Agent | undefined,
  words: Pick<Steer, "done" | "gone" | "isTold">,
): Promise<undefined> {
  const message = answer ?? create(AgentSchema);
  const changed = { schema: AgentSchema, message, name: agentName(message) };
  const isGone = message.status === AgentStatus.EXITED;
  const later = words.isTold === true && !isGone ? laterText(message, context) : "";
  const done = `Agent ${message.name} ${isGone ? words.gone : words.done}${later}`;
  return answerChanged(context, { ...changed, done });
}

const resume = command({
  name: "resume",
  summary: "Undo pause",
  examples: ["windlass agent resume vm-7"],
  positionals: { agent },
  run: async (context, { args }) => {
    const client = await context.client(AgentService);
    const answer = await client.resumeAgent({ agent: args.agent, organization: await context.organization() });
    const gone = "has left: it gets jobs when it comes back";
    return told(context, answer.agent, { done: "gets new jobs again", gone });
  },
});

const remove = command({
  name: "delete",
  summary: "Forget agents that are neither idle nor busy",
  examples: ["windlass agent delete vm-7", "windlass agent delete vm-7 vm-8 --yes"],
  positionals: { agents: some("AGENT", "names or ids") },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args }) => {
    const client = await context.client(AgentService);
    const organization = await context.organization();
    const found: Agent[] = [];
    for (const agent of args.agents) {
      const answer = await client.getAgent({ organization, agent });
      found.push(answer.agent ?? create(AgentSchema));
    }
    for (const one of found) refuseConnected(context, one);
    for (const { id, name } of found) {
      await confirmOrStop(context, `Forget agent ${name}?`);
      await client.deleteAgent({ agent: id, organization });
      await answerGone(context, `agent/${name}`, `Forgot agent ${name}`);
    }
    return undefined;
  },
});

function refuseConnected(context: Context, { name, status }: Agent): void {
  if (status !== AgentStatus.IDLE && status !== AgentStatus.BUSY) return;
  const message = `agent ${name} is ${enumText(AgentStatus, status)}, that is connected: it cannot be forgotten before it has left`;
  throw new CliError("conflict", message, {
    code: "FAILED_PRECONDITION",
    reason: "AGENT_IN_USE",
    metadata: { agent: name },
    hints: [{ label: "Let it finish and leave", command: context.command(`agent drain ${name}`) }],
  });
}

/** Every verb of `windlass agent`. */
export const agentCommands: readonly Command[] = [
  list,
  watch,
  get,
  jobs,
  steer("pause", {
    summary: "Give an agent no new jobs",
    done: "gets no new jobs until it is resumed",
    gone: "has left: should it come back, it gets no jobs until it is resumed",
    examples: ["windlass agent pause vm-7", 'windlass agent pause vm-7 --reason "new disk"'],
    call: (client, wanted) => client.pauseAgent(wanted),
  }),
  resume,
  steer("drain", {
    summary: "Let an agent finish its jobs and exit",
    done: "finishes its jobs and exits",
    gone: "has left already: there is nothing to drain",
    isTold: true,
    examples: ["windlass agent drain vm-7", 'windlass agent drain vm-7 --reason "it is replaced"'],
    call: (client, wanted) => client.drainAgent(wanted),
  }),
  kept,
  removeKept,
  remove,
];
