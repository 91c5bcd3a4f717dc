import { create } from "@bufbuild/protobuf";
import { type AgentToken, AgentTokenSchema } from "../gen/windlass/v1/agent_token_pb.ts";
import {
  AgentTokenService,
  CreateAgentTokenResponseSchema,
  ListAgentTokensResponseSchema,
  RotateAgentTokenResponseSchema,
} from "../gen/windlass/v1/agent_token_service_pb.ts";
import { ageText, whenText } from "./ages.ts";
import { answerChanged } from "./answers.ts";
import { type Command, command, one } from "./command.ts";
import type { Context } from "./context.ts";
import { duration, neededText, text, toggle } from "./flags.ts";
import { fetchRows, listFlags } from "./lists.ts";
import { confirmOrStop } from "./prompts.ts";
import type { Column } from "./table.ts";

const nameOf = ({ id }: AgentToken): string => `token/${id}`;

function stateText({ active, revokeTime, replacedBy }: AgentToken): string {
  if (revokeTime !== undefined) return "revoked";
  if (!active) return "expired";
  return replacedBy === "" ? "active" : "rotated";
}

const most = 3;
const agentsText = ({ agents }: AgentToken): string =>
  agents.length <= most ? agents.join(", ") : `${agents.slice(0, most).join(", ")}, …`;

const columns: readonly Column<AgentToken>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "POOL", value: ({ agentPool }) => agentPool },
  { name: "NAME", value: ({ description }) => description },
  { name: "STATE", value: stateText },
  { name: "LAST USED", value: ({ lastUseTime }, now) => whenText(lastUseTime, now) || "never" },
  { name: "AGENTS", value: agentsText },
  { name: "EXPIRES", value: ({ expireTime }, now) => whenText(expireTime, now) || "never" },
  { name: "AGE", value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "USED FROM", isWide: true, value: ({ lastUseAddress }) => lastUseAddress },
  { name: "REPLACED BY", isWide: true, value: ({ replacedBy }) => replacedBy },
  { name: "BEGINS WITH", isWide: true, value: ({ prefix }) => prefix },
  { name: "CREATED BY", isWide: true, value: ({ createdBy }) => createdBy },
];

const list = command({
  name: "list",
  summary: "List tokens, newest first, revoked ones included",
  examples: ["windlass token list --pool prod"],
  flags: { pool: text("only tokens of this pool", { short: "p", placeholder: "POOL" }), ...listFlags },
  run: async (context, { flags }) => {
    const client = await context.client(AgentTokenService);
    const scope = { organization: await context.organization(), agentPool: flags.pool ?? "" };
    const { rows: agentTokens, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listAgentTokens({ ...scope, ...page });
      return { rows: answer.agentTokens, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAgentTokensResponseSchema, { agentTokens, nextPageToken });
    const shown = { schema: ListAgentTokensResponseSchema, message, item: AgentTokenSchema };
    await context.printer.list({ ...shown, rows: agentTokens, name: nameOf, columns }, flags);
    return undefined;
  },
});

const createToken = command({
  name: "create",
  summary: "Create a token; its secret is printed once, alone on stdout",
  examples: [
    "windlass token create --pool prod --name vm-7",
    "windlass token create --pool prod --name ci --expires 30d > agent-token",
  ],
  flags: {
    pool: neededText("the pool it admits to", { short: "p", placeholder: "POOL" }),
    name: text("where it is used", { aliases: ["description"], placeholder: "NAME" }),
    expires: duration("how long it is good for (default 90d); 0 is for ever"),
  },
  run: async (context, { flags }) => {
    const client = await context.client(AgentTokenService);
    const answer = await client.createAgentToken({
      organization: await context.organization(),
      agentPool: flags.pool,
      description: flags.name ?? "",
      ...(flags.expires === undefined ? {} : { expiresIn: durationOf(flags.expires) }),
      requestId: context.io.random.uuid(),
    });
    const { agentToken, secret } = answer;
    await context.printer.resource({
      schema: CreateAgentTokenResponseSchema,
      message: answer,
      name: agentToken === undefined ? "" : nameOf(agentToken),
      lines: [secret],
    });
    context.notes.say(`Token ${agentToken?.id ?? ""} of pool ${agentToken?.agentPool ?? flags.pool}.`);
    return sayHowToStart(context, secret);
  },
});

const durationOf = (ms: number) => ({ seconds: BigInt(Math.round(ms / 1000)) });

async function sayHowToStart(context: Context, secret: string): Promise<undefined> {
  const { notes, io } = context;
  const { address } = await context.connection();
  notes.say("The secret is shown once; only its hash is kept. Start an agent:");
  notes.say(`  WINDLASS_AGENT_TOKEN=${shownIn(secret, io.stderr.isTty)} windlass-agent --address ${address.value}`);
  return undefined;
}

/** The secret for a person to paste; off a terminal stderr is often kept in a log. */
const shownIn = (secret: string, isTty: boolean): string => (isTty ? secret : "SECRET");

const rotate = command({
  name: "rotate",
  summary: "Replace a token; the new secret is printed once, alone on stdout",
  examples: ["windlass token rotate atok_…", "windlass token rotate atok_… --grace 24h > agent-token"],
  positionals: { token: one("TOKEN", "its id") },
  flags: {
    grace: duration("how long the old token goes on (default 1h); 0 ends it at once"),
    expires: duration("how long the new one is good for (default: as long as the old one was); 0 is for ever"),
  },
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentTokenService);
    const answer = await client.rotateAgentToken({
      agentTokenId: args.token,
      ...(flags.grace === undefined ? {} : { overlap: durationOf(flags.grace) }),
      ...(flags.expires === undefined ? {} : { expiresIn: durationOf(flags.expires) }),
    });
    const { agentToken, secret, replaced } = answer;
    await context.printer.resource({
      schema: RotateAgentTokenResponseSchema,
      message: answer,
      name: agentToken === undefined ? "" : nameOf(agentToken),
      lines: [secret],
    });
    context.notes.say(
      `Token ${agentToken?.id ?? ""} replaces ${args.token}, ${endText(replaced, context.io.clock.now())}.`,
    );
    return sayHowToStart(context, secret);
  },
});

const endText = (replaced: AgentToken | undefined, now: Date): string =>
  replaced?.active === true
    ? `which ends ${whenText(replaced.expireTime, now)}: give its agents (${replaced.agents.join(", ") || "none so far"}) the new one before`
    : "which has ended";

const revoke = command({
  name: "revoke",
  summary: "End a token: its agents are disconnected, running jobs finish",
  examples: ["windlass token revoke atok_…", "windlass token revoke atok_… --stop"],
  positionals: { token: one("TOKEN", "its id") },
  flags: { stop: toggle("also cancel the jobs its agents run: for a suspected theft") },
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentTokenService);
    const what = flags.stop === true ? " and cancel what its agents run" : "";
    await confirmOrStop(context, `Revoke token ${args.token}${what}?`);
    const { agentToken } = await client.revokeAgentToken({
      agentTokenId: args.token,
      stopJobs: flags.stop === true,
    });
    const message = agentToken ?? create(AgentTokenSchema);
    const changed = { schema: AgentTokenSchema, message, name: nameOf(message) };
    return answerChanged(context, { ...changed, done: `Revoked token ${message.id} of pool ${message.agentPool}` });
  },
});

/** Every verb of `windlass token`. */
export const tokenCommands: readonly Command[] = [list, createToken, rotate, revoke];
