import { create } from "@bufbuild/protobuf";
import { type Agent, AgentSchema, AgentStatus } from "../gen/windlass/v1/agent_pb.ts";
import { AgentService, ListAgentsResponseSchema } from "../gen/windlass/v1/agent_service_pb.ts";
import { ageText, timeText } from "./ages.ts";
import { answerChanged, answerGone, goneFormats } from "./answers.ts";
import { type Command, command, one } from "./command.ts";
import { text, toggle } from "./flags.ts";
import { fetchRows, listFlags } from "./lists.ts";
import { confirmOrStop } from "./prompts.ts";
import { type Column, detailLines } from "./table.ts";
import { enumText } from "./words.ts";

const agent = one("AGENT", "its id, or its name if only one has it");
const nameOf = ({ name }: Agent): string => `agent/${name}`;

/** `busy, draining`. */
const statusText = ({ status, paused, draining }: Agent): string =>
  [enumText(AgentStatus, status), paused ? "paused" : "", draining ? "draining" : ""].filter((word) => word).join(", ");

const labelsText = ({ labels }: Agent): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");

const columns: readonly Column<Agent>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "POOL", value: ({ agentPool, serverAgent }) => (serverAgent ? "(server)" : agentPool) },
  { name: "STATUS", value: statusText },
  { name: "JOBS", value: ({ jobIds, concurrency }) => `${jobIds.length}/${concurrency}` },
  { name: "VERSION", value: ({ version }) => version },
  { name: "LAST SEEN", value: ({ lastSeenTime }, now) => ageText(lastSeenTime, now) },
  { name: "WARNING", value: ({ warning }) => warning },
  { name: "ADDRESS", isWide: true, value: ({ address }) => address },
  { name: "SYSTEM", isWide: true, value: ({ os, arch }) => `${os}/${arch}` },
  { name: "SANDBOX", isWide: true, value: ({ sandbox }) => sandbox },
  { name: "LABELS", isWide: true, value: labelsText },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

const agentLines = (one: Agent): readonly string[] =>
  detailLines([
    ["Name", one.name],
    ["Id", one.id],
    ["Pool", one.serverAgent ? "none: it is the server's own agent" : one.agentPool],
    ["Organization", one.organization],
    ["Status", statusText(one)],
    ["Warning", one.warning],
    ["Jobs", `${one.jobIds.length} of ${one.concurrency} at once`],
    ["Runs", one.runIds.join(", ")],
    ["Version", one.version],
    ["System", `${one.os}/${one.arch}`],
    ["Sandbox", one.sandbox],
    ["Labels", labelsText(one)],
    ["Address", one.address],
    ["Registered", timeText(one.createTime)],
    ["Last seen", timeText(one.lastSeenTime)],
  ]);

const list = command({
  name: "list",
  summary: "List agents",
  examples: ["windlass agent list", "windlass agent list --pool prod -o wide"],
  flags: {
    pool: text("only agents of this pool", { short: "p", placeholder: "POOL" }),
    includeExited: toggle("also agents that said good-bye"),
    ...listFlags,
  },
  run: async (context, { flags }) => {
    const client = await context.client(AgentService);
    const scope = {
      organization: await context.organization(),
      agentPool: flags.pool ?? "",
      includeExited: flags.includeExited === true,
    };
    const { rows: agents, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listAgents({ ...scope, ...page });
      return { rows: answer.agents, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAgentsResponseSchema, { agents, nextPageToken });
    const shown = { schema: ListAgentsResponseSchema, message, item: AgentSchema };
    await context.printer.list({ ...shown, rows: agents, name: nameOf, columns }, flags);
    return undefined;
  },
});

const get = command({
  name: "get",
  summary: "Show an agent",
  examples: ["windlass agent get vm-7"],
  positionals: { agent },
  run: async (context, { args }) => {
    const client = await context.client(AgentService);
    const answer = await client.getAgent({ agent: args.agent, organization: await context.organization() });
    const message = answer.agent ?? create(AgentSchema);
    const shown = { schema: AgentSchema, message, name: nameOf(message) };
    await context.printer.resource({ ...shown, lines: agentLines(message) });
    return undefined;
  },
});

type Switch = "pauseAgent" | "resumeAgent" | "drainAgent";

/** Pause, resume and drain differ in their words only. */
const steer = (name: string, call: Switch, { summary, done }: { summary: string; done: string }): Command =>
  command({
    name,
    summary,
    examples: [`windlass agent ${name} vm-7`],
    positionals: { agent },
    run: async (context, { args }) => {
      const client = await context.client(AgentService);
      const answer = await client[call]({ agent: args.agent, organization: await context.organization() });
      const message = answer.agent ?? create(AgentSchema);
      const changed = { schema: AgentSchema, message, name: nameOf(message) };
      return answerChanged(context, { ...changed, done: `Agent ${message.name} ${done}` });
    },
  });

const remove = command({
  name: "delete",
  summary: "Forget an agent that is neither idle nor busy",
  examples: ["windlass agent delete vm-7"],
  positionals: { agent },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args }) => {
    const client = await context.client(AgentService);
    await confirmOrStop(context, `Forget agent ${args.agent}?`);
    await client.deleteAgent({ agent: args.agent, organization: await context.organization() });
    return answerGone(context, `agent/${args.agent}`, `Forgot agent ${args.agent}`);
  },
});

/** Every verb of `windlass agent`. */
export const agentCommands: readonly Command[] = [
  list,
  get,
  steer("pause", "pauseAgent", { summary: "Give an agent no new jobs", done: "gets no new jobs until it is resumed" }),
  steer("resume", "resumeAgent", { summary: "Undo pause", done: "gets new jobs again" }),
  steer("drain", "drainAgent", {
    summary: "Let an agent finish its jobs and exit",
    done: "finishes its jobs and exits",
  }),
  remove,
];
