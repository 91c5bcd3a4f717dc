import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Agent, AgentSchema } from "../../gen/windlass/v1/agent_pb.ts";
import {
  AgentService,
  ListAgentsResponseSchema,
  type WatchAgentsRequestSchema,
  type WatchAgentsResponse,
  WatchAgentsResponseSchema,
} from "../../gen/windlass/v1/agent_service_pb.ts";
import { linkSignals, untilAborted } from "../../lib/async/abort.ts";
import { RunLink } from "../run/link.ts";
import type { Context } from "../server/context.ts";
import { hangUpWhenSilent } from "../shared/silent-stream.ts";
import type { ListStyle } from "../terminal/printer.ts";
import { agentColumns, agentLine, agentName } from "./view.ts";

/** The server says something at least every 10 seconds, and all of it every 30: a path that is silent for longer is dead. */
const silentMs = 75_000;

/** Shows the agents until Ctrl-C. A terminal shows all of them; elsewhere each change is a line, or a message. */
export async function showAgents(
  context: Context,
  wanted: MessageInitShape<typeof WatchAgentsRequestSchema>,
  style: ListStyle,
): Promise<never> {
  const client = await context.client(AgentService);
  using own = linkSignals(context.io.signal);
  const { signal } = own;
  const link = new RunLink(context, "");
  const { clock } = context.io;
  let heardMs = clock.monotonicMs();
  let shown: readonly Agent[] = [];
  const guard = hangUpWhenSilent(context, { heardMs: () => heardMs, silentMs }, signal);
  try {
    await link.persist(async (heard) => {
      const known = new Map<string, Agent>();
      let isFirst = true;
      for await (const answer of untilAborted(client.watchAgents(wanted, { signal }), signal)) {
        heard();
        heardMs = clock.monotonicMs();
        if (!isFirst && isSign(answer)) continue;
        for (const agent of answer.agents) known.set(agent.id, agent);
        for (const id of answer.goneAgentIds) known.delete(id);
        if (!answer.snapshotComplete) continue;
        isFirst = false;
        const agents = [...known.values()].toSorted(byName);
        await show(context, { ...answer, agents }, shown, style);
        shown = agents;
      }
      signal.throwIfAborted();
      return "again";
    }, signal);
  } finally {
    own.abort(new Error("nobody watches any more"));
    context.hangUp();
    await guard;
  }
  throw context.io.signal.reason;
}

/** It only says that the stream lives. */
const isSign = ({ agents, goneAgentIds }: WatchAgentsResponse): boolean =>
  agents.length === 0 && goneAgentIds.length === 0;

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const byName = (a: Agent, b: Agent): number => byBytes(a.name, b.name) || byBytes(a.id, b.id);

async function show(
  { printer, io, notes }: Context,
  answer: WatchAgentsResponse,
  before: readonly Agent[],
  style: ListStyle,
): Promise<void> {
  const { agents } = answer;
  if (!printer.isForPeople && printer.format !== "name") return printer.event(WatchAgentsResponseSchema, answer);
  if (printer.isForPeople && io.stdout.isTty) {
    const { create } = await import("@bufbuild/protobuf");
    const message = create(ListAgentsResponseSchema, { agents });
    await printer.clear();
    const list = { schema: ListAgentsResponseSchema, message, item: AgentSchema, rows: agents };
    return printer.list({ ...list, name: agentName, columns: agentColumns }, style);
  }
  const told = new Map(before.map((one) => [one.id, agentLine(one)]));
  const news = agents.filter((one) => told.get(one.id) !== agentLine(one));
  if (printer.format === "name") return printer.lines(news.map(agentName));
  const present = new Set(agents.map(({ id }) => id));
  const gone = before.filter(({ id }) => !present.has(id)).map(({ name }) => `${name} is gone`);
  await printer.lines([...news.map(agentLine), ...gone].map((line) => `${notes.signs.dot} ${line}`));
}
